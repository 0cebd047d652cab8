"""`torch-default` states what the constructors of torch.nn draw, and they draw it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn

import initwise as iw
from initwise.errors import PlanError
from initwise.model import read

LAYERS: dict[str, Callable[[], nn.Module]] = {
    "Linear": lambda: nn.Linear(300, 200),
    "Bilinear": lambda: nn.Bilinear(30, 80, 20),
    "Conv1d": lambda: nn.Conv1d(32, 64, 5),
    "Conv2d": lambda: nn.Conv2d(24, 48, (3, 5), groups=4),
    "Conv3d": lambda: nn.Conv3d(8, 16, 3),
    "ConvTranspose1d": lambda: nn.ConvTranspose1d(64, 16, 5, stride=2),
    "ConvTranspose2d": lambda: nn.ConvTranspose2d(64, 16, 4, stride=2, groups=2),
    "ConvTranspose3d": lambda: nn.ConvTranspose3d(16, 8, 3),
    "Embedding": lambda: nn.Embedding(200, 50, padding_idx=3),
    "EmbeddingBag": lambda: nn.EmbeddingBag(200, 50, padding_idx=3),
    "RNN": lambda: nn.RNN(40, 60, 2),
    "LSTM": lambda: nn.LSTM(40, 60, bidirectional=True, proj_size=20),
    "GRU": lambda: nn.GRU(40, 60),
    "RNNCell": lambda: nn.RNNCell(40, 60),
    "LSTMCell": lambda: nn.LSTMCell(40, 60),
    "GRUCell": lambda: nn.GRUCell(40, 60),
    "attention, packed": lambda: nn.MultiheadAttention(64, 4, add_bias_kv=True),
    "attention, apart": lambda: nn.MultiheadAttention(64, 4, kdim=48, vdim=96),
    "TransformerEncoderLayer": lambda: nn.TransformerEncoderLayer(64, 4, 128),
    "Transformer": lambda: nn.Transformer(64, 4, 1, 1, 128, batch_first=True),
    "Transformer within": lambda: nn.Sequential(nn.Linear(64, 64), nn.Transformer(64, 4, 1, 1, 128, batch_first=True)),
    "BatchNorm2d": lambda: nn.BatchNorm2d(8),
    "InstanceNorm2d": lambda: nn.InstanceNorm2d(8, affine=True),
    "LayerNorm": lambda: nn.LayerNorm(8),
    "GroupNorm": lambda: nn.GroupNorm(2, 8),
    "RMSNorm": lambda: nn.RMSNorm(8),
    "PReLU": lambda: nn.PReLU(8),
    "PReLU, given": lambda: nn.PReLU(8, init=0.1),
    "AdaptiveLogSoftmaxWithLoss": lambda: nn.AdaptiveLogSoftmaxWithLoss(64, 300, [100, 200], div_value=2.0),
}


@pytest.mark.parametrize("layer", LAYERS)
def test_the_stated_law_is_the_one_that_torch_draws_from(layer: str) -> None:
    torch.manual_seed(1)
    model = LAYERS[layer]()
    drawn = dict(model.named_parameters())
    for row in iw.plan(model, "torch-default"):
        values = drawn[row.name].detach().double()
        if row.padding is not None:
            assert values[row.padding].count_nonzero() == 0
            values = torch.cat([values[: row.padding], values[row.padding + 1 :]])
        _check(row, values.flatten())


def _check(row: iw.planning.Row, values: torch.Tensor) -> None:
    assert row.law is not None
    assert row.law.fourth is not None
    if row.law.std == 0:
        assert values.tolist() == [torch.tensor(row.law.mean).item()] * values.numel()
        return
    _, high = row.law.support
    assert values.abs().max().item() <= high * (1 + 1e-6), row.name
    if math.isfinite(high):  # the probability that no value comes so near to the bound is below 1e-6
        assert values.abs().max().item() > high * (1 - 14 / values.numel()), row.name
    count, variance = values.numel(), row.law.std**2
    assert abs(values.mean().item()) < 5 * row.law.std / math.sqrt(count), row.name
    spread = math.sqrt((row.law.fourth - variance**2) / count)
    assert abs(values.square().mean().item() - variance) < 5 * spread, row.name


def test_every_layer_of_torch_nn_with_parameters_is_covered() -> None:
    known = {type(make()).__name__ for make in LAYERS.values()}
    made_of_others = {"TransformerEncoder", "TransformerDecoder", "TransformerDecoderLayer"}
    by_base = {"BatchNorm1d", "BatchNorm3d", "SyncBatchNorm", "InstanceNorm1d", "InstanceNorm3d", "CrossMapLRN2d"}
    abstract = {"Module", "RNNBase", "RNNCellBase", "Container"}
    resets = {
        name
        for name, kind in vars(nn).items()
        if isinstance(kind, type)
        and issubclass(kind, nn.Module)
        and (hasattr(kind, "reset_parameters") or hasattr(kind, "_reset_parameters"))
        and not name.startswith("Lazy")
    }
    assert resets - known - made_of_others - by_base - abstract == set()


def test_the_reasons_say_what_torch_does() -> None:
    plan = iw.plan(nn.Linear(100, 10), "torch-default")
    assert plan["weight"].reason == "Linear weight: U(±1/sqrt(in_features 100))"
    assert plan["bias"].law is not None
    assert plan["bias"].law.support == (-0.1, 0.1)


def test_in_proj_is_drawn_over_the_packed_matrix() -> None:
    plan = iw.plan(nn.MultiheadAttention(96, 4), "torch-default")
    assert plan["in_proj_weight"].law is not None
    assert plan["in_proj_weight"].law.support[1] == pytest.approx(math.sqrt(1.5 / 96))
    assert plan["out_proj.bias"].initializer == iw.Zeros()


class Gained(nn.Linear):
    """A layer of PyTorch with a factor and an adapter of its own."""

    def __init__(self) -> None:
        super().__init__(64, 8)
        self.gain = nn.Parameter(torch.ones(8, 1))
        self.down = nn.Parameter(torch.zeros(4, 64))
        self.up = nn.Parameter(torch.zeros(8, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        adapted: torch.Tensor = (
            nn.functional.linear(x, self.weight * self.gain, self.bias) + x @ self.down.T @ self.up.T
        )
        return adapted


def test_what_a_subclass_adds_to_a_layer_is_not_drawn_with_it() -> None:
    with pytest.raises(PlanError, match=r"plan: 1 problem\n  - 'gain' \(shape \(8, 1\), of Gained\): no rule matches"):
        iw.plan(Gained(), "torch-default", inputs=torch.zeros(2, 64))
    plan = iw.plan(Gained(), ["torch-default", iw.rule("gain", iw.Ones())], inputs=torch.zeros(2, 64))
    bounds = {row.name: row.law.support[1] for row in plan if row.law is not None}
    assert bounds == {"weight": 0.125, "bias": 0.125, "gain": 1.0, "down": 0.125, "up": 0.5}


def test_a_bias_that_is_tied_with_that_of_a_layer_is_drawn_as_the_layer_draws_it() -> None:
    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bias = nn.Parameter(torch.zeros(8))
            self.decoder = nn.Linear(64, 8)
            self.decoder.bias = self.bias

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            decoded: torch.Tensor = self.decoder(x)
            return decoded

    row = iw.plan(Head(), "torch-default", inputs=torch.zeros(2, 64))["bias"]
    assert row.reason == "Linear bias: U(±1/sqrt(in_features 64)); tied with decoder.bias"


@pytest.mark.parametrize("role", ["table", "position", "unused"])
def test_a_table_is_drawn_as_its_layer_draws_it_whatever_it_is_used_for(role: str) -> None:
    reading = read(nn.Embedding(10, 4))
    (table,) = reading.parameters
    assert table.usage is not None
    used = replace(table, usage=replace(table.usage, role=role))  # type: ignore[arg-type]
    (decided,) = iw.recipes.rules("torch-default", replace(reading, parameters=(used,)))
    assert decided.initializer == iw.Normal()


class Experts(nn.Module):
    """Two matrices for each expert, and two biases, chosen by expert."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.up_bias = nn.Parameter(torch.zeros(3, 64, 16)), nn.Parameter(torch.zeros(3, 16))
        self.down, self.down_bias = nn.Parameter(torch.zeros(3, 16, 64)), nn.Parameter(torch.zeros(3, 64))

    def forward(self, x: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        token = torch.arange(len(x))
        y = torch.bmm(x.expand(3, -1, -1), self.up)[chosen, token] + self.up_bias[chosen]
        return torch.bmm(y.relu().expand(3, -1, -1), self.down)[chosen, token] + self.down_bias[chosen]


def _experts(recipe: str) -> iw.Plan:
    return iw.plan(Experts(), recipe, inputs=(torch.zeros(5, 64), torch.zeros(5, dtype=torch.long)))


def test_a_bias_that_is_chosen_by_expert_goes_with_the_weight_of_its_name() -> None:
    bounds = {row.name: row.law.support[1] for row in _experts("torch-default") if row.law is not None}
    assert bounds == {"up": 0.125, "up_bias": 0.125, "down": 0.25, "down_bias": 0.25}


@pytest.mark.parametrize("recipe", ["kaiming", "xavier", "flax-default", "keras-default", "gpt2"])
def test_a_bias_that_is_chosen_by_expert_is_zero_where_biases_are(recipe: str) -> None:
    assert {_experts(recipe)[name].initializer for name in ("up_bias", "down_bias")} == {iw.Zeros()}
