"""The models: each with inputs of a usual size and a loss, as someone who looks at initialization would call them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import Tensor, nn

from tests import peers  # noqa: F401 - makes torchvision and timm importable, before transformers looks for them

os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"

Loss = Callable[[Any], Tensor]


@dataclass(frozen=True)
class Case:
    """A model to be measured.

    Attributes:
        name: architecture and library.
        build: makes the model, without dropout: plain passes then do what `measure` does.
        usual: makes what its forward takes, of a usual size.
        loss: takes its output.
        few: the same, as few as still say something.
    """

    name: str
    build: Callable[[], nn.Module]
    usual: Callable[[], Any]
    loss: Loss
    few: Callable[[], Any]


class LanguageModel(nn.Module):
    """An embedding, two LSTM layers and a head, as in Zaremba et al. 2014 (medium)."""

    def __init__(self, words: int = 10_000, width: int = 650) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.lstm = nn.LSTM(width, width, num_layers=2, batch_first=True)
        self.head = nn.Linear(width, words)

    def forward(self, tokens: Tensor) -> Tensor:  # (N, T) -> (N, T, words)
        """Return the scores of the next word."""
        scores: Tensor = self.head(self.lstm(self.embedding(tokens))[0])
        return scores


def resnet50() -> nn.Module:
    """25.6 M parameters, batch norms."""
    from torchvision.models import resnet50 as build

    model: nn.Module = build(weights=None)
    return model


def gpt2() -> nn.Module:
    """124 M parameters, head and embedding tied."""
    from transformers import GPT2Config, GPT2LMHeadModel

    model: nn.Module = GPT2LMHeadModel(GPT2Config(resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0))
    return model


def vit() -> nn.Module:
    """86 M parameters."""
    import timm

    model: nn.Module = timm.create_model("vit_base_patch16_224", pretrained=False)
    return model


def llama() -> nn.Module:
    """100 M parameters: 12 blocks, grouped queries, a head of its own."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=16_000,
        hidden_size=768,
        intermediate_size=2048,
        num_hidden_layers=12,
        num_attention_heads=12,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        use_cache=False,
    )
    model: nn.Module = LlamaForCausalLM(config)
    return model


def images(batch: int) -> Callable[[], Tensor]:
    """Standard normal images."""
    return lambda: torch.randn(batch, 3, 224, 224)


def words(batch: int, length: int) -> Callable[[], Tensor]:
    """Token ids, uniform."""
    return lambda: torch.randint(10_000, (batch, length))


def classified(output: Tensor) -> Tensor:
    """Cross entropy of 1,000 classes, with labels that the sample's number gives."""
    return F.cross_entropy(output, torch.arange(len(output)) * 7 % 1000)


def next_word(output: Any) -> Tensor:
    """Cross entropy of words, with labels that the place's number gives."""
    scores = getattr(output, "logits", output).flatten(0, 1)
    return F.cross_entropy(scores, torch.arange(len(scores)) * 7 % 10_000)


CASES = (
    Case("ResNet-50 (torchvision)", resnet50, images(8), classified, images(2)),
    Case("ViT-B/16 (timm)", vit, images(4), classified, images(2)),
    Case("GPT-2 124M (transformers)", gpt2, words(2, 256), next_word, words(2, 64)),
    Case("Llama of 12 blocks (transformers)", llama, words(2, 256), next_word, words(2, 64)),
    Case("LSTM language model, 2 layers", LanguageModel, words(32, 35), next_word, words(8, 35)),
)
