"""`keras-default` and `flax-default` state what those frameworks' layers draw, and account for whole models."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
import tests.peers  # noqa: F401 - makes torchvision importable
from initwise.initializers import Initializer
from initwise.model import Reading, Usage, read
from initwise.moments import truncated_std
from initwise.recipes import RECIPES

CUT = truncated_std(2.0)


class _Layers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(6, 3)
        self.conv = nn.Conv2d(4, 8, (3, 5), groups=2)
        self.up = nn.ConvTranspose2d(8, 4, 4, stride=2)
        self.embed = nn.Embedding(10, 16, padding_idx=0)
        self.lstm = nn.LSTM(6, 5, bidirectional=True)
        self.gru = nn.GRU(6, 5)
        self.cell = nn.LSTMCell(6, 5)
        self.rnn = nn.RNN(6, 5)
        self.norm = nn.BatchNorm2d(4)
        self.attention = nn.MultiheadAttention(12, 3, kdim=7)
        self.packed = nn.MultiheadAttention(12, 3)
        self.act = nn.PReLU()


def _laws(recipe: str) -> dict[str, iw.Law]:
    return {row.name: row.law for row in iw.plan(_Layers(), recipe) if row.law is not None}


def _glorot(fan_in: float, fan_out: float) -> float:
    return math.sqrt(6 / (fan_in + fan_out))


KERAS_BOUNDS = {
    "dense.weight": _glorot(6, 3),
    "conv.weight": _glorot(2 * 15, 8 * 15),
    "up.weight": _glorot(8 * 16, 4 * 16),
    "embed.weight": 0.05,
    "lstm.weight_ih_l0": _glorot(6, 4 * 5),
    "lstm.weight_ih_l0_reverse": _glorot(6, 4 * 5),
    "gru.weight_ih_l0": _glorot(6, 3 * 5),
    "cell.weight_ih": _glorot(6, 4 * 5),
    "rnn.weight_ih_l0": _glorot(6, 5),
    "attention.q_proj_weight": _glorot(3 * 12, 4 * 12),
    "attention.k_proj_weight": _glorot(3 * 7, 4 * 7),
    "attention.v_proj_weight": _glorot(3 * 12, 4 * 12),
    "attention.out_proj.weight": _glorot(12, 3 * 12),
    "packed.in_proj_weight": _glorot(3 * 12, 4 * 12),
    "packed.out_proj.weight": _glorot(12, 3 * 12),
}


def test_keras_draws_its_kernels_from_glorot_uniform() -> None:
    laws = _laws("keras-default")
    uniform = {name: law.support[1] for name, law in laws.items() if law.name == "uniform"}
    assert uniform == pytest.approx(KERAS_BOUNDS)
    assert {laws[name].support[0] for name in uniform} == {-bound for bound in uniform.values()}
    assert laws["norm.weight"].describe() == "1"
    assert laws["act.weight"].describe() == "0"


def _drawn(model: nn.Module, recipe: str) -> nn.Module:
    assert iw.initialize(model, recipe, seed=3).ok
    return model


@pytest.mark.parametrize("make", [lambda: nn.LSTM(6, 5, 2, bidirectional=True), lambda: nn.LSTMCell(6, 5)])
def test_a_forget_gate_of_keras_starts_at_one_in_total(make: Callable[[], nn.Module]) -> None:
    drawn = dict(_drawn(make(), "keras-default").named_parameters())
    pairs = [(drawn[name], drawn[name.replace("bias_ih", "bias_hh")]) for name in drawn if name.startswith("bias_ih")]
    assert pairs
    for first, second in pairs:
        assert (first + second).tolist() == [0.0] * 5 + [1.0] * 5 + [0.0] * 10


def test_gru_biases_of_keras_are_zero() -> None:
    drawn = dict(_drawn(nn.GRU(6, 5), "keras-default").named_parameters())
    assert not drawn["bias_ih_l0"].any()
    assert not drawn["bias_hh_l0"].any()


@pytest.mark.parametrize(("make", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)])
def test_recurrent_kernels_of_keras_have_orthonormal_columns_over_all_gates(make: Any, gates: int) -> None:
    recurrent: Tensor = _drawn(make(6, 20), "keras-default").get_parameter("weight_hh_l0").detach()
    torch.testing.assert_close(recurrent.T @ recurrent, torch.eye(20), atol=1e-5, rtol=0)
    assert float(recurrent.square().mean()) == pytest.approx(1 / (gates * 20), rel=1e-5)


FLAX_FANS = {
    "dense.weight": 6,
    "conv.weight": 2 * 15,
    "up.weight": 8 * 16,
    "lstm.weight_ih_l0": 6,
    "lstm.weight_ih_l0_reverse": 6,
    "gru.weight_ih_l0": 6,
    "cell.weight_ih": 6,
    "rnn.weight_ih_l0": 6,
    "attention.q_proj_weight": 12,
    "attention.k_proj_weight": 7,
    "attention.v_proj_weight": 12,
    "attention.out_proj.weight": 12,
    "packed.in_proj_weight": 12,
    "packed.out_proj.weight": 12,
}


def test_flax_draws_its_kernels_from_lecun_normal_cut_at_two_sigmas() -> None:
    laws = _laws("flax-default")
    cut = {name: law for name, law in laws.items() if math.isfinite(law.support[1]) and law.iid and law.std > 0}
    assert {name: law.std**-2 for name, law in cut.items()} == pytest.approx(FLAX_FANS)
    assert [law.support[1] / law.std for law in cut.values()] == pytest.approx([2 / CUT] * len(cut))
    assert laws["embed.weight"].describe() == "N(0, 0.25²)"
    assert laws["norm.weight"].describe() == "1"
    assert laws["act.weight"].describe() == "0.01"
    assert {law.describe() for name, law in laws.items() if "bias" in name} == {"0"}


@pytest.mark.parametrize("make", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_kernels_of_flax_are_orthogonal_gate_by_gate(make: Any) -> None:
    recurrent: Tensor = _drawn(make(6, 20), "flax-default").get_parameter("weight_hh_l0").detach()
    for gate in recurrent.split(20):
        torch.testing.assert_close(gate.T @ gate, torch.eye(20), atol=1e-5, rtol=0)


def _resnet50() -> Any:
    return pytest.importorskip("torchvision").models.resnet50()


def _gpt2() -> Any:
    transformers = pytest.importorskip("transformers")
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(n_layer=2, n_embd=32, n_head=2, vocab_size=99))


def _llama() -> Any:
    transformers = pytest.importorskip("transformers")
    return transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, vocab_size=99
        )
    )


class _Tagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(99, 16, padding_idx=0)
        self.lstm = nn.LSTM(16, 24, 2, bidirectional=True, proj_size=8)
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 5)


@pytest.mark.parametrize("recipe", ["torch-default", "keras-default", "flax-default"])
@pytest.mark.parametrize("build", [_resnet50, _gpt2, _llama, _Tagger])
def test_the_defaults_of_every_framework_account_for_whole_models(build: Callable[[], Any], recipe: str) -> None:
    with torch.device("meta"):
        model = build()
    plan = iw.plan(model, recipe)
    assert {row.path for row in plan} == {name for name, _ in model.named_parameters()}
    assert all(row.law is not None and row.reason for row in plan)


class _Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(4))


@pytest.mark.parametrize("recipe", ["torch-default", "keras-default", "flax-default"])
def test_a_parameter_of_unknown_use_has_no_default_anywhere(recipe: str) -> None:
    with pytest.raises(iw.PlanError, match=r"'gamma'"):
        iw.plan(_Scaled(), recipe)


class _Raw(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Parameter(torch.ones(16, 3))
        self.bias = nn.Parameter(torch.ones(3))
        self.token = nn.Parameter(torch.ones(16))


def _traced(model: nn.Module, **usages: Usage) -> Reading:
    """A reading in which a traced forward pass has told how raw parameters are used."""
    reading = read(model)
    known = (replace(each, usage=usages.get(each.name, each.usage)) for each in reading.parameters)
    return replace(reading, parameters=tuple(known))


def test_a_raw_weight_gets_what_the_layer_of_its_operation_would_draw() -> None:
    weight = Usage("matmul", "weight", iw.Axes(fan_in=(0,), fan_out=(1,)), source="trace")
    reading = _traced(_Raw(), mix=weight, bias=Usage("add", "bias"), token=Usage("cat", "token"))
    decide = RECIPES["torch-default"].decide(reading)
    assert decide(reading["mix"]) == (
        iw.Uniform(-0.25, 0.25),
        "_Raw mix, used like the layer of matmul: U(±1/sqrt(fan_in 16))",
    )
    assert decide(reading["bias"]) == (
        iw.Uniform(-0.25, 0.25),
        "_Raw bias, used like the layer of matmul: U(±1/sqrt(fan_in 16))",
    )
    assert decide(reading["token"]) is None


@pytest.mark.parametrize(
    ("recipe", "law"),
    [("torch-default", iw.Normal()), ("keras-default", iw.Uniform(-0.05, 0.05)), ("flax-default", iw.Normal(std=0.25))],
)
def test_a_layer_of_embeddings_is_drawn_as_one_where_its_rows_are_biases_of_attention(
    recipe: str, law: Initializer
) -> None:
    reading = _traced(nn.Embedding(9, 16), weight=Usage("embedding", "table", source="trace"))
    decided = RECIPES[recipe].decide(reading)(reading["weight"])
    assert decided is not None
    assert decided[0] == law


@pytest.mark.parametrize("recipe", ["kaiming", "keras-default", "flax-default", "gpt2"])
def test_a_bias_of_two_axes_is_zero_though_it_looks_like_positions(recipe: str) -> None:
    reading = _traced(_Raw(), bias=Usage("add", "position", source="trace"))
    decided = RECIPES[recipe].decide(reading)(reading["bias"])
    assert decided is not None
    assert decided[0] == iw.Zeros()
