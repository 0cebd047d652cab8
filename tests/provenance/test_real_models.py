"""Models that others wrote: every parameter has its row, its bits, and the initializer that its code calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import initwise as iw
from initwise.provenance import Log


def gpt2() -> nn.Module:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    config = transformers.GPT2Config(
        n_layer=2, n_embd=16, n_head=2, vocab_size=50, n_positions=8, bos_token_id=0, eos_token_id=0
    )
    model: nn.Module = transformers.GPT2LMHeadModel(config)
    return model


def llama() -> nn.Module:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    config = transformers.LlamaConfig(
        num_hidden_layers=1, hidden_size=16, num_attention_heads=2, intermediate_size=32, vocab_size=50
    )
    model: nn.Module = transformers.LlamaForCausalLM(config)
    return model


def vit() -> nn.Module:
    timm = pytest.importorskip("timm", reason="timm is not installed")
    model: nn.Module = timm.create_model("vit_tiny_patch16_224", depth=1, embed_dim=48, num_heads=2)
    return model


def resnet() -> nn.Module:
    torchvision = pytest.importorskip("torchvision", reason="torchvision is not installed")
    model: nn.Module = torchvision.models.resnet18(num_classes=10)
    return model


def last(log: Log) -> Counter[str]:
    """How many parameters have which last full write."""
    return Counter(str(row.last) for row in log if row.kind == "parameter")


EXPECTED: list[tuple[Callable[[], nn.Module], dict[str, int]]] = [
    (
        gpt2,
        {"normal_(mean=0, std=0.02)": 6, "normal_(mean=0, std=0.01)": 4, "ones_()": 5, "zeros_()": 13},
    ),
    (llama, {"normal_(mean=0, std=0.02)": 9, "ones_()": 3}),
    (
        vit,
        {
            "normal_(mean=0, std=1e-06)": 1,
            "trunc_normal_(mean=0, std=0.02, a=-2, b=2)": 6,
            "kaiming_uniform_(a=2.23607, mode=fan_in, nonlinearity=leaky_relu)": 1,
            "ones_()": 3,
            "zeros_()": 8,
        },
    ),
    (
        resnet,
        {
            "kaiming_normal_(a=0, mode=fan_out, nonlinearity=relu)": 20,
            "constant_(val=1)": 20,
            "constant_(val=0)": 20,
            "kaiming_uniform_(a=2.23607, mode=fan_in, nonlinearity=leaky_relu)": 1,
        },
    ),
]


@pytest.mark.parametrize(("build", "expected"), EXPECTED, ids=lambda value: getattr(value, "__name__", ""))
def test_each_parameter_names_the_initializer_of_the_models_own_code(
    build: Callable[[], nn.Module], expected: dict[str, int]
) -> None:
    torch.manual_seed(0)
    plain: dict[str, Any] = build().state_dict()
    torch.manual_seed(0)
    with iw.record() as log:
        model = build()
    assert all(torch.equal(plain[name], tensor) for name, tensor in model.state_dict().items())
    assert [row.name for row in log if row.kind == "parameter"] == [name for name, _ in model.named_parameters()]
    assert {row.state for row in log} == {"written"}
    uniform = sum(count for words, count in last(log).items() if words.startswith("uniform_"))
    assert {words: count for words, count in last(log).items() if not words.startswith("uniform_")} == expected
    assert uniform == {vit: 1, resnet: 1}.get(build, 0)  # biases that keep what torch drew


def test_the_residual_projections_of_gpt2_were_drawn_three_times() -> None:
    with iw.record() as log:
        model = gpt2()
    row = log["transformer.h.1.mlp.c_proj.weight"]
    assert model.get_parameter(row.name).shape == row.shape
    assert [str(write) for write in row.writes] == [
        "normal_(mean=0, std=0.02)",
        "normal_(mean=0, std=0.02)",
        "normal_(mean=0, std=0.01)",
    ]
    assert row.writes[2].function == "GPT2PreTrainedModel._init_weights"
    assert row.writes[2].line.startswith("transformers/models/gpt2/modeling_gpt2.py:")
    assert log["lm_head.weight"].name == "transformer.wte.weight"
