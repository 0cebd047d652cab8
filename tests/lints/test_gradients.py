"""Lints on the measured backward pass: what receives no gradient, stays equal, or never moves."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.lints.linting import told
from tests.lints.measuring import classes, deep, measured, noise

X = noise(16, 64)


class Cut(nn.Module):
    """An encoder and a head, and what stands between."""

    def __init__(self, between: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder, self.head, self.between = nn.Linear(64, 64), nn.Linear(64, 4), between

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.between(self.encoder(x)))
        return out


def _stopped(x: Tensor) -> Tensor:
    with torch.no_grad():
        return x * 1.0


@pytest.mark.parametrize(
    "between",
    [Tensor.detach, _stopped, lambda x: nn.functional.one_hot(x.argmax(-1), 64).float()],
    ids=["detach", "no_grad", "argmax"],
)
def test_what_cuts_the_graph_is_found_and_told_once(between: Callable[[Tensor], Tensor]) -> None:
    (finding,) = measured(Cut(between), X, classes)
    assert [told([each])[0] for each in finding.each()] == [("GRD601", "encoder.weight"), ("GRD601", "encoder.bias")]
    assert "uses what is made of it" in finding.message


def test_an_encoder_that_is_frozen_is_meant_so() -> None:
    model: Any = Cut(Tensor.detach)
    model.encoder.requires_grad_(requires_grad=False)
    assert measured(model, X, classes) == []
    assert measured(Cut(Tensor.relu), X, classes) == []


class Spare(nn.Module):
    """A layer that is not used, and one whose result the loss does not see."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.used, self.spare, self.pooler = nn.Linear(64, 4), nn.Linear(64, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        out = self.used(x)
        return out, self.pooler(out)


def test_what_is_not_used_is_one_note() -> None:
    (finding,) = measured(Spare(), X, lambda out: classes(out[0]))
    assert (finding.code, finding.severity) == ("GRD602", "info")
    assert [each.parameter for each in finding.each()] == ["spare.weight", "spare.bias", "pooler.weight", "pooler.bias"]
    (finding,) = measured(Spare(), X)
    assert [each.parameter for each in finding.each()] == ["spare.weight", "spare.bias"]


def test_batch_norms_in_a_chain_make_gradients_explode() -> None:
    def chain(depth: int) -> Any:
        return deep(depth, 64, lambda: nn.Sequential(nn.BatchNorm1d(64), nn.ReLU()))

    (finding,) = measured(chain(60), X)
    assert told([finding]) == [("GRD603", "0.weight")]
    assert "in each of 59 layers" in finding.measured
    assert measured(chain(12), X) == []


def _constant(*sizes: int, value: float = 0.1) -> Any:
    layers = [each for one, two in pairwise(sizes) for each in (nn.Linear(one, two), nn.ReLU())]
    model: Any = nn.Sequential(*layers[:-1])
    for parameter in model.parameters():
        nn.init.constant_(parameter, value)
    return model


def test_units_that_start_equal_and_are_read_alike_stay_equal() -> None:
    findings = measured(_constant(64, 32, 4), X, classes)
    assert told(findings) == [("SYM304", "0.weight")]
    assert findings[0].measured == "1 distinct units in 32"


def test_units_that_start_equal_and_are_read_differently_do_not_stay_equal() -> None:
    model: Any = _constant(64, 32, 4)
    torch.manual_seed(0)
    nn.init.normal_(model[2].weight, std=0.1)
    assert [finding for finding in measured(model, X, classes) if finding.code == "SYM304"] == []


def test_a_copied_half_stays_a_copy_where_it_is_read_alike() -> None:
    torch.manual_seed(0)
    model: Any = nn.Sequential(nn.Linear(64, 32, bias=False), nn.ReLU(), nn.Linear(32, 4))
    with torch.no_grad():
        model[0].weight[16:] = model[0].weight[:16]
        model[2].weight[:, 16:] = model[2].weight[:, :16]
    assert told(measured(model, X, classes)) == [("SYM304", "0.weight")]


def test_an_output_layer_of_zeros_and_depthwise_kernels_are_no_fault() -> None:
    torch.manual_seed(0)
    model: Any = nn.Sequential(nn.Conv2d(8, 8, 3, groups=8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 50))
    nn.init.constant_(model[0].weight, 1 / 9)
    nn.init.zeros_(model[0].bias)
    nn.init.zeros_(model[3].weight)
    assert measured(model, noise(4, 8, 8, 8), classes) == []


def _zero(*parts: nn.Module | nn.Parameter) -> None:
    for part in parts:
        for parameter in [part] if isinstance(part, nn.Parameter) else part.parameters():
            nn.init.zeros_(parameter)


def test_zeros_before_a_relu_and_zeros_in_series_never_move() -> None:
    model: Any = deep(2, 64, nn.ReLU)
    _zero(model[2])
    (finding,) = measured(model, X)
    assert told([finding]) == [("ZER401", "2.weight")]
    assert "cannot learn because of that" in finding.message
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 4))
    for layer in (model[1], model[2]):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    assert told(measured(model, X)) == [("ZER401", "1.weight"), ("ZER401", "2.weight")]


class LowRank(nn.Module):
    """A frozen layer and a product of two thin matrices."""

    def __init__(self, *zero: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.base = nn.Linear(64, 64).requires_grad_(requires_grad=False)
        self.a, self.b = nn.Linear(64, 4, bias=False), nn.Linear(4, 64, bias=False)
        for name in zero:
            nn.init.zeros_(self.get_submodule(name).weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.base(x) + self.b(self.a(x))
        return out


def test_one_zero_factor_moves_and_two_never_do() -> None:
    assert measured(LowRank("b"), X) == []
    assert measured(LowRank("a"), X) == []
    assert told(measured(LowRank("a", "b"), X)) == [("ZER401", "a.weight"), ("ZER401", "b.weight")]


class Gated(nn.Module):
    """ReZero: a number before each branch; the branch's last layer is zero too, or not."""

    def __init__(self, *, silent: bool) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(1))
        self.branch = nn.Sequential(nn.LayerNorm(64), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64))
        if silent:
            _zero(self.branch[3])

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.gate * self.branch(x)
        return out


def test_a_gate_of_zero_moves_unless_its_branch_is_zero_too() -> None:
    torch.manual_seed(0)
    fine, wrong = (
        nn.Sequential(Gated(silent=False), nn.Linear(64, 4)),
        nn.Sequential(Gated(silent=True), nn.Linear(64, 4)),
    )
    assert measured(fine, X) == []
    assert told(measured(wrong, X)) == [("ZER401", "0.gate"), ("ZER401", "0.branch.3.weight")]


class Modulated(nn.Module):
    """adaLN-Zero: shift, scale and gate from a condition by a layer of zeros, and a final layer of zeros."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.norm, self.mlp = nn.LayerNorm(64, elementwise_affine=False), nn.Linear(64, 64)
        self.modulation, self.final = nn.Sequential(nn.SiLU(), nn.Linear(64, 192)), nn.Linear(64, 8)
        _zero(self.modulation[1], self.final)

    def forward(self, x: Tensor) -> Tensor:
        shift, scale, gate = self.modulation(x.flip(0)).chunk(3, dim=-1)
        x = x + gate * self.mlp(self.norm(x) * (1 + scale) + shift)
        out: Tensor = self.final(x)
        return out


def test_zeros_that_move_in_the_third_step_are_by_design() -> None:
    assert measured(Modulated(), X) == []
    assert measured(Modulated(), X, lambda out: (out - 1).square().mean()) == []


def test_a_bias_of_zeros_whose_gradient_is_zero_is_not_to_blame() -> None:
    model: Any = deep(2, 64, nn.ReLU)
    nn.init.constant_(model[2].bias, -9.0)
    nn.init.zeros_(model[0].bias)
    assert told(measured(model, X)) == [("SIG501", "2.bias")]


class Clamped(nn.Module):
    """A scale that is learned as its logarithm, within bounds."""

    def __init__(self, start: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.log_scale, self.out = nn.Parameter(torch.tensor([start])), nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(x) * self.log_scale.clamp(-5.0, 2.0).exp()
        return out


def test_a_parameter_beyond_its_clamp_has_no_gradient_for_ever() -> None:
    (finding,) = measured(Clamped(-6.0), X, classes)
    assert (finding.code, finding.parameter) == ("GRD601", "log_scale")
    assert finding.measured == "a gradient of zero"
    assert measured(Clamped(0.0), X, classes) == []


def test_what_takes_the_difference_of_equal_things_is_not_to_blame() -> None:
    class Distance(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tower, self.head = nn.Linear(64, 16), nn.Linear(16, 10)

        def forward(self, one: Tensor, other: Tensor) -> Tensor:
            out: Tensor = self.head(self.tower(one) - self.tower(other))
            return out

    assert measured(Distance(), (X, X), classes) == []


def test_where_nothing_has_a_gradient_no_parameter_is_to_blame() -> None:
    model = deep(2, 64, nn.Tanh)
    assert [each.code for each in measured(model, X, lambda out: (out * 0.0).sum())] == []
