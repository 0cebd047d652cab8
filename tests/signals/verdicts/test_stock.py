"""Models as their libraries make them are not accused."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import tests.peers  # noqa: F401 - makes torchvision importable
from tests.signals.verdicts.judging import judged, noise, small, tokens

LANGUAGE: dict[str, dict[str, Any]] = {
    "OPTForCausalLM": {"num_hidden_layers": 2, "hidden_size": 128, "ffn_dim": 256, "word_embed_proj_dim": 128},
    "MambaForCausalLM": {"num_hidden_layers": 2, "hidden_size": 64},
    "GPTNeoXForCausalLM": {"num_hidden_layers": 3, "hidden_size": 128, "intermediate_size": 512},
    "Gemma2ForCausalLM": {"num_hidden_layers": 2, "hidden_size": 128, "intermediate_size": 256, "head_dim": 32},
    "DistilBertForMaskedLM": {"n_layers": 3, "dim": 128, "hidden_dim": 512, "n_heads": 4},
}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2}
VISION = ["resnet18", "alexnet", "mobilenet_v3_small", "efficientnet_b0"]


def _complaints(model: torch.nn.Module, inputs: Any) -> list[str]:
    return [each.message for each in judged(model, inputs) if not each.ok]


@pytest.mark.parametrize("name", LANGUAGE)
def test_language_models_of_transformers_are_not_accused(name: str) -> None:
    pytest.importorskip("transformers")
    heads = HEADS if "Gemma" in name else {} if name.startswith(("Mamba", "Distil")) else {"num_attention_heads": 4}
    model = small(name, vocab_size=500, pad_token_id=0, bos_token_id=1, eos_token_id=2, **LANGUAGE[name], **heads)
    assert _complaints(model, {"input_ids": tokens(500)}) == []


@pytest.mark.parametrize("name", VISION)
def test_image_models_of_torchvision_are_not_accused(name: str) -> None:
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None)
    assert _complaints(model, noise(4, 3, 64, 64)) == []


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "convnext_atto", "cait_xxs24_224"])
def test_image_models_of_timm_are_not_accused(name: str) -> None:
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    assert _complaints(timm.create_model(name, pretrained=False), noise(2, 3, 224, 224)) == []
