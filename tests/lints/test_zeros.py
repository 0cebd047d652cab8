"""Zeros: by design at the end of a branch, a fault where they stop what should learn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's own name

from initwise.lints.zeros import ZEROS
from tests.lints.linting import found_by, told


def _zero(*layers: nn.Module) -> None:
    for layer in layers:
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)


def _mlp(activation: nn.Module, zero: Iterable[int]) -> Any:
    torch.manual_seed(0)
    model: Any = nn.Sequential(nn.Linear(8, 64), activation, nn.Linear(64, 32), activation, nn.Linear(32, 2))
    _zero(*(model[index] for index in zero))
    return model


class _LoRA(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.base = nn.Linear(16, 16).requires_grad_(requires_grad=False)
        self.a = nn.Parameter(torch.randn(4, 16))
        self.b = nn.Parameter(torch.zeros(16, 4))
        self.head = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(torch.relu(self.base(x) + (x @ self.a.T) @ self.b.T))
        return out


class _Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.norm, self.head = nn.BatchNorm2d(8), nn.Linear(8, 4)
        nn.init.zeros_(self.norm.weight)
        _zero(self.head)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.first(x))
        out: Tensor = self.head(F.relu(x + self.norm(self.second(x))).mean((2, 3)))
        return out


class _AdaLNZero(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(16, elementwise_affine=False)
        self.mlp = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        self.modulation, self.head = nn.Sequential(nn.SiLU(), nn.Linear(16, 48)), nn.Linear(16, 16)
        _zero(self.modulation, self.head)

    def forward(self, x: Tensor) -> Tensor:
        shift, scale, gate = self.modulation(x).chunk(3, -1)
        x = x + gate * self.mlp(self.norm(x) * (1 + scale) + shift)
        out: Tensor = self.head(self.norm(x))
        return out


class _Series(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.one, self.two = nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 16)
        _zero(self.one, self.two)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        out: Tensor = x + self.two(self.one(x))
        return out


class _ZeroValues(nn.Module):
    """Attention whose query is zero, as muP has it, or whose key is too."""

    def __init__(self, *, key: bool) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(16, 16, bias=False) for _ in range(3))
        nn.init.zeros_(self.q.weight)
        if key:
            nn.init.zeros_(self.k.weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + F.scaled_dot_product_attention(self.q(x), self.k(x), self.v(x))


@pytest.mark.parametrize(
    ("activation", "zero", "expected"),
    [
        (nn.ReLU(), [0], [("ZER401", "0.weight")]),
        (nn.ReLU(), [2], [("ZER401", "2.weight")]),
        (nn.Tanh(), [2, 4], [("ZER401", "2.weight"), ("ZER401", "4.weight")]),
        (nn.Tanh(), [0, 2, 4], [("ZER401", "0.weight"), ("ZER401", "2.weight"), ("ZER401", "4.weight")]),
        (nn.GELU(), [0], [("ZER403", "0.weight")]),
        (nn.Sigmoid(), [0], [("ZER403", "0.weight")]),  # sigmoid(0) is a half: a signal, and nothing of the input in it
        (nn.Sigmoid(), [2], []),
        (nn.ReLU(), [4], []),  # an output layer may start at zero
        (nn.ReLU(), [], []),
    ],
)
def test_zeros_in_a_chain(activation: nn.Module, zero: list[int], expected: list[tuple[str, str]]) -> None:
    assert told(found_by(ZEROS, _mlp(activation, zero))) == expected


@pytest.mark.parametrize(
    ("model", "x"),
    [
        (_LoRA(), torch.zeros(2, 16)),
        (_Residual(), torch.zeros(2, 3, 8, 8)),
        (_AdaLNZero(), torch.zeros(2, 16)),
        (_ZeroValues(key=False), torch.zeros(1, 4, 16)),
    ],
    ids=["lora", "zero-gamma", "adaln-zero", "zero query"],
)
def test_zeros_by_design_are_left_alone(model: nn.Module, x: Tensor) -> None:
    assert found_by(ZEROS, model, x) == []


def test_two_zero_layers_in_series_hold_each_other_still() -> None:
    findings = found_by(ZEROS, _Series(), torch.zeros(2, 16))
    assert told(findings) == [("ZER401", "one.weight"), ("ZER401", "two.weight")]
    assert "nor two.weight" in findings[0].message
    assert "1 parameters more learn nothing" in findings[0].message  # the bias between them


def test_both_factors_of_an_adapter_at_zero_never_move() -> None:
    model = _LoRA()
    nn.init.zeros_(model.a)
    assert told(found_by(ZEROS, model, torch.zeros(2, 16))) == [("ZER401", "a"), ("ZER401", "b")]


def test_query_and_key_at_zero_hold_each_other_still() -> None:
    found = told(found_by(ZEROS, _ZeroValues(key=True), torch.zeros(1, 4, 16)))
    assert found == [("ZER401", "q.weight"), ("ZER401", "k.weight")]


def test_a_table_of_zeros_is_found_unless_another_knows_the_indices() -> None:
    class Tables(nn.Module):
        def __init__(self, *, two: bool) -> None:
            super().__init__()
            self.item, self.bias = nn.Embedding(50, 8), nn.Embedding(50, 8)
            self.head, self.two = nn.Linear(8, 2), two
            nn.init.zeros_(self.bias.weight)

        def forward(self, ids: Tensor) -> Tensor:
            out: Tensor = self.head(self.bias(ids) + self.item(ids) if self.two else self.bias(ids))
            return out

    ids = torch.zeros(2, 3, dtype=torch.long)
    assert found_by(ZEROS, Tables(two=True), ids) == []
    assert ("ZER402", "bias.weight") in told(found_by(ZEROS, Tables(two=False), ids))


class _Patches(nn.Module):
    """What is read is added to positions; a second input may shift it."""

    def __init__(self, *, conditioned: bool) -> None:
        super().__init__()
        self.embed, self.position = nn.Linear(16, 32), nn.Parameter(torch.randn(4, 32))
        self.shift = nn.Linear(16, 32) if conditioned else None
        self.head = nn.Linear(32, 2)
        _zero(*([self.shift] if self.shift is not None else [self.embed]))

    def forward(self, x: Tensor, given: Tensor | None = None) -> Tensor:
        x = self.embed(x) + self.position
        if self.shift is not None:
            x = x + self.shift(given)
        out: Tensor = self.head(torch.relu(x).mean(1))
        return out


def test_zeros_that_shut_out_the_whole_input_are_found_and_a_condition_may_start_at_zero() -> None:
    x = torch.zeros(2, 4, 16)
    assert told(found_by(ZEROS, _Patches(conditioned=False), x)) == [("ZER403", "embed.weight")]
    assert found_by(ZEROS, _Patches(conditioned=True), (x, x)) == []
