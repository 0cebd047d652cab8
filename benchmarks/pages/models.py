"""The models whose reports are opened: two of a usual size, and one with many small layers."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

import initwise as iw
from tests import peers  # noqa: F401 - makes torchvision importable, before transformers looks for it

os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"


@dataclass(frozen=True)
class Case:
    """A model, its rules and inputs, and in how many seconds its report should be drawn."""

    name: str
    build: Callable[[], nn.Module]
    rules: str
    inputs: Callable[[], Any]
    at_most: float

    def write(self, path: Path) -> int:
        """Write the report, and return how many parameters it lists."""
        torch.manual_seed(0)
        model, inputs = self.build(), self.inputs()
        plan = iw.plan(model, self.rules, inputs=inputs)
        if not any(each.is_meta for each in model.parameters()):
            iw.apply(model, plan)
        iw.report(model, plan, inputs, path=path)
        return len(plan)


def gpt2() -> nn.Module:
    """124 M values in 148 parameters."""
    from transformers import GPT2Config, GPT2LMHeadModel

    model: nn.Module = GPT2LMHeadModel(GPT2Config())
    return model


def resnet152() -> nn.Module:
    """60 M values in 467 parameters."""
    from torchvision.models import resnet152 as build

    model: nn.Module = build(weights=None)
    return model


def llama() -> nn.Module:
    """122 narrow blocks on the meta device: as many parameters as a large model has."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=122,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=1000,
        max_position_embeddings=128,
    )
    with torch.device("meta"):
        model: nn.Module = LlamaForCausalLM(config)
    return model


def tokens(words: int) -> Callable[[], Any]:
    """Two texts of 16 tokens."""
    return lambda: {"input_ids": torch.randint(0, words, (2, 16))}


CASES = (
    Case("GPT-2 (transformers)", gpt2, "gpt2", tokens(50257), 1.0),
    Case("ResNet-152 (torchvision)", resnet152, "auto", lambda: torch.randn(2, 3, 64, 64), 1.0),
    Case("Llama of 122 blocks, on meta (transformers)", llama, "auto", tokens(1000), 3.0),
)
