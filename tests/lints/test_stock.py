"""Models as their libraries make them have nothing to tell, with inputs and without."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import initwise as iw
import tests.peers  # noqa: F401 - makes torchvision importable
from initwise.model import candidates

SMALL: dict[str, dict[str, Any]] = {
    "GPT2LMHeadModel": {"n_layer": 2, "n_embd": 32, "n_head": 2, "vocab_size": 100, "n_positions": 32},
    "BertForMaskedLM": {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 2, "vocab_size": 100},
    "T5ForConditionalGeneration": {"num_layers": 2, "d_model": 32, "d_ff": 64, "num_heads": 2, "vocab_size": 100},
    "LlamaForCausalLM": {
        "num_hidden_layers": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_attention_heads": 2,
        "vocab_size": 100,
    },
}
VISION = ["resnet18", "alexnet", "mobilenet_v3_small", "shufflenet_v2_x0_5"]


def _alarms(model: Any) -> list[tuple[str, str]]:
    example = next(iter(candidates(model)))
    reports = [iw.check(model), iw.check(model, example)]
    return [(each.code, each.parameter) for report in reports for each in report.findings if each.severity != "info"]


@pytest.mark.parametrize("name", SMALL)
def test_models_of_transformers_are_silent(name: str) -> None:
    transformers = pytest.importorskip("transformers")
    kind = getattr(transformers, name)
    torch.manual_seed(0)
    assert _alarms(kind(kind.config_class(**SMALL[name]))) == []


@pytest.mark.parametrize("name", VISION)
def test_models_of_torchvision_are_silent(name: str) -> None:
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    assert _alarms(torchvision.models.get_model(name, weights=None)) == []
