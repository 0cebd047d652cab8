"""Lints on the measured forward pass: each fault, and its mended twin."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.lints.linting import told
from tests.lints.measuring import classes, deep, measured, noise, redrawn

X = noise(16, 64)


def _he(parameter: Tensor) -> Tensor:
    return nn.init.kaiming_normal_(parameter, nonlinearity="relu")


def test_networks_as_torch_and_schemes_draw_them_have_nothing_to_tell() -> None:
    assert measured(deep(4, 64, nn.ReLU), X, classes) == []
    assert measured(deep(8, 64, nn.Tanh), X, classes) == []
    model: Any = deep(10, 64, nn.ReLU)
    redrawn(model, _he)
    nn.init.xavier_uniform_(model[-1].weight)
    assert measured(model, X, classes) == []


def test_a_trained_network_has_nothing_to_tell() -> None:
    model: Any = deep(3, 64, nn.ReLU)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(60):
        optimizer.zero_grad()
        classes(model(X)).backward()
        optimizer.step()
    assert measured(model, X, classes) == []


def test_biases_far_below_zero_make_dead_units() -> None:
    model: Any = deep(2, 64, nn.ReLU)
    nn.init.constant_(model[2].bias, -5.0)
    (finding,) = measured(model, X)
    assert told([finding]) == [("SIG501", "2.bias")]
    assert finding.message == "64 of 64 units are positive for no sample before the relu in 3"
    nn.init.zeros_(model[2].bias)
    assert measured(model, X) == []


def test_a_weight_that_is_negative_throughout_makes_dead_units_behind_positive_signals() -> None:
    model: Any = deep(2, 64, nn.ReLU)
    with torch.no_grad():
        model[2].weight.copy_(-model[2].weight.abs())
    assert told(measured(model, X)) == [("SIG501", "2.weight")]


def test_channels_are_units_of_a_convolution() -> None:
    torch.manual_seed(0)
    model: Any = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 4, 3))
    assert measured(model, noise(2, 3, 8, 8)) == []
    nn.init.constant_(model[0].bias, -9.0)
    assert told(measured(model, noise(2, 3, 8, 8))) == [("SIG501", "0.bias")]


def test_a_dead_layer_of_one_unit_is_a_fault_where_nothing_passes_it() -> None:
    torch.manual_seed(0)
    model: Any = nn.Sequential(nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 1), nn.ReLU())
    nn.init.constant_(model[2].bias, -9.0)
    assert told(measured(model, X)) == [("SIG501", "2.bias")]


def test_half_of_the_units_may_be_dead_where_there_is_one_sample() -> None:
    assert measured(deep(6, 64, nn.ReLU), X[:1]) == []


@pytest.mark.parametrize("kind", [nn.Tanh, nn.Sigmoid, nn.Hardtanh])
def test_weights_of_unit_size_saturate_what_is_bounded(kind: type[nn.Module]) -> None:
    model: Any = deep(2, 64, kind)
    assert measured(model, X) == []
    nn.init.normal_(model[0].weight, std=2.0)
    codes = told(measured(model, X))
    assert codes == [("SIG502", "0.weight")]


def test_what_saturates_is_the_layer_that_makes_the_signal_large_and_not_the_last_one() -> None:
    model: Any = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 4))
    assert measured(model, 100 * X) == []
    nn.init.normal_(model[0].weight, std=4.0)
    assert told(measured(model, X)) == [("SIG502", "0.weight")]


class Gate(nn.Module):
    """A signal times a gate of it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.gate, self.head = nn.Linear(64, 64), nn.Linear(64, 4)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(x * self.gate(x).sigmoid())
        return out


def test_a_gate_that_a_bias_holds_open_is_not_saturated() -> None:
    model: Any = Gate()
    nn.init.constant_(model.gate.bias, 6.0)
    assert measured(model, X) == []
    nn.init.normal_(model.gate.weight, std=3.0)
    assert told(measured(model, X)) == [("SIG502", "gate.weight")]


def test_standard_normal_weights_explode_and_the_first_of_them_is_named() -> None:
    model: Any = deep(4, 64, nn.ReLU)
    for index in (2, 4):
        nn.init.normal_(model[index].weight, std=4.0)
    (finding,) = measured(model, X)
    assert told([finding]) == [("SIG503", "2.weight")]
    assert finding.measured == f"std {model[2].weight.std().item():.3g}, fan_in 64"
    assert finding.expected == f"std {math.sqrt(2 / 64):.3g}, the gain of relu over sqrt(64)"


def test_a_norm_makes_the_scale_harmless() -> None:
    torch.manual_seed(0)
    model: Any = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64), nn.LayerNorm(64), nn.Linear(64, 10))
    for layer in (model[0], model[1]):
        nn.init.normal_(layer.weight, std=3.0)
    assert measured(model, X, classes) == []


class ByHand(nn.Module):
    """An RMS norm written out, between a large layer and the output."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two = nn.Linear(64, 64), nn.Linear(64, 10)
        nn.init.normal_(self.one.weight, std=50.0)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.one(x)
        hidden = hidden * torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + 1e-6)
        out: Tensor = self.two(hidden)
        return out


def test_a_norm_by_hand_is_a_norm() -> None:
    assert measured(ByHand(), X, classes) == []


def test_twelve_layers_as_torch_draws_them_vanish() -> None:
    (finding,) = measured(deep(12, 128, nn.ReLU, bias=False), noise(16, 128))
    assert told([finding]) == [("SIG504", "0.weight")]
    assert "in each of" in finding.message
    assert measured(redrawn(deep(12, 128, nn.ReLU, bias=False), _he), noise(16, 128)) == []


def test_biases_do_not_hide_that_the_output_no_longer_depends_on_the_input() -> None:
    assert told(measured(deep(14, 64, nn.ReLU), X)) == [("SIG504", "0.weight")]


def test_one_tiny_layer_is_named() -> None:
    model: Any = deep(4, 64, nn.ReLU)
    redrawn(model, _he)
    nn.init.normal_(model[4].weight, std=1e-4)
    (finding,) = measured(model, X)
    assert told([finding]) == [("SIG504", "4.weight")]
    assert finding.measured == f"std {model[4].weight.std().item():.3g}, fan_in 64"


class Residual(nn.Module):
    """x + scale * branch(x)."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64))
        self.scale = nn.Parameter(torch.full((64,), scale))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.scale * self.branch(x)
        return out


@pytest.mark.parametrize("scale", [0.0, 1e-6, 1e-2])
def test_small_branches_and_small_output_layers_are_by_design(scale: float) -> None:
    torch.manual_seed(0)
    model: Any = nn.Sequential(*[Residual(scale) for _ in range(6)], nn.Linear(64, 10))
    nn.init.normal_(model[-1].weight, std=1e-5)
    assert measured(model, X, classes) == []


def test_a_large_output_layer_is_to_blame_for_the_loss() -> None:
    model: Any = deep(1, 64, nn.ReLU)
    nn.init.normal_(model[2].weight, std=2.0)
    (finding,) = measured(model, X, classes)
    assert told([finding]) == [("SIG505", "2.weight")]
    assert "over 10 classes, where a guess has ln 10 = 2.303" in finding.message
    assert f"(std {model[2].weight.std().item():.3g}, fan_in 64)" in finding.message


def test_a_large_layer_before_it_is_to_blame_where_the_output_layer_is_fine() -> None:
    model: Any = deep(1, 64, nn.ReLU)
    nn.init.normal_(model[0].weight, std=5.0)
    assert told(measured(model, X, classes)) == [("SIG505", "0.weight")]


def test_a_large_bias_is_to_blame_for_the_loss() -> None:
    model: Any = deep(1, 64, nn.ReLU)
    nn.init.normal_(model[2].bias, std=8.0)
    assert told(measured(model, X, classes)) == [("SIG505", "2.bias")]


class Tied(nn.Module):
    """A language model whose table is its head."""

    def __init__(self, std: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.wte, self.norm, self.head = nn.Embedding(50, 64), nn.LayerNorm(64), nn.Linear(64, 50, bias=False)
        self.head.weight = self.wte.weight
        nn.init.normal_(self.wte.weight, std=std)

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.head(self.norm(self.wte(ids))).flatten(0, 1)
        return out


def test_a_tied_table_of_unit_size_is_to_blame_for_the_loss() -> None:
    ids = torch.arange(48).view(4, 12)
    (finding,) = measured(Tied(1.0), ids, classes)
    assert told([finding]) == [("SIG505", "wte.weight")]
    assert "fan_in 64" in finding.message
    assert measured(Tied(0.02), ids, classes) == []


def test_contrastive_losses_have_temperatures() -> None:
    model: Any = nn.Sequential(nn.Linear(64, 16, bias=False))
    nn.init.normal_(model[0].weight, std=2.0)
    loss = nn.functional.cross_entropy
    assert measured(model, X, lambda out: loss(out, torch.arange(16))) == []


def test_the_first_operation_that_is_not_finite_is_named() -> None:
    model: Any = deep(2, 64, nn.ReLU)
    with torch.no_grad():
        model[2].weight[0, 0] = float("nan")
    (finding,) = measured(model, X)
    assert told([finding]) == [("SIG506", "2.weight")]
    assert finding.message.startswith("the output of linear in 2 at ")


class Rooted(nn.Module):
    """A square root at zero: the forward pass is finite, its gradient is not."""

    def __init__(self, offset: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two, self.offset = nn.Linear(64, 64), nn.Linear(64, 2), offset

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.two((self.one(x).relu() + self.offset).sqrt())
        return out


def test_a_gradient_that_is_not_finite_is_found() -> None:
    (finding,) = measured(Rooted(0.0), X)
    assert (finding.code, finding.parameter) == ("SIG506", "one.weight")
    assert finding.message.startswith("the gradient of ")
    assert measured(Rooted(1e-3), X) == []


class Masked(nn.Module):
    """Causal attention with a mask of minus infinity."""

    def __init__(self, rows: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.q, self.v, self.rows = nn.Linear(64, 64), nn.Linear(64, 64), rows

    def forward(self, x: Tensor) -> Tensor:
        scores = (self.q(x) @ x.mT / 8).masked_fill(self.rows, float("-inf"))
        out: Tensor = scores.softmax(-1) @ self.v(x)
        return out


def test_the_infinities_of_a_mask_are_meant_and_a_row_that_masks_all_is_not() -> None:
    tokens = noise(2, 5, 64)
    causal = torch.ones(5, 5, dtype=torch.bool).triu(1)
    assert measured(Masked(causal), tokens) == []
    (finding,) = measured(Masked(torch.ones(5, 5, dtype=torch.bool)), tokens)
    assert finding.code == "SIG506"
    assert "softmax" in finding.message


def test_without_inputs_nothing_is_said() -> None:
    from initwise.lints._subject import Subject
    from initwise.lints.measured import MEASURED
    from initwise.model import read

    subject = Subject(read(deep(12, 64, nn.ReLU, bias=False)))
    assert [finding for lint in MEASURED for finding in lint(subject)] == []


def test_what_shrank_before_a_layer_that_a_norm_follows_is_restored() -> None:
    torch.manual_seed(0)
    layers = [nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.LayerNorm(64), nn.ReLU(), nn.Linear(64, 10)]
    normed, plain = nn.Sequential(*layers), nn.Sequential(*(each for each in layers if type(each) is not nn.LayerNorm))
    first: Any = normed[0]
    nn.init.normal_(first.weight, std=1e-6)
    nn.init.zeros_(first.bias)
    assert "SIG504" not in {finding.code for finding in measured(normed, X)}
    assert ("SIG504", "0.weight") in told(measured(plain, X))


class Contrast(nn.Module):
    """Logits behind a learned temperature."""

    def __init__(self, log_scale: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.out, self.log_scale = nn.Linear(64, 10), nn.Parameter(torch.tensor(log_scale))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.log_scale.exp() * self.out(x)
        return out


def test_a_temperature_may_be_large_and_not_millions() -> None:
    assert measured(Contrast(math.log(14.3)), X, classes) == []
    found = [finding for finding in measured(Contrast(14.3), X, classes) if finding.code == "SIG505"]
    assert told(found) == [("SIG505", "log_scale")]


def test_a_parameter_that_divides_by_zero_is_named() -> None:
    class Snake(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up, self.alpha = nn.Linear(64, 16), nn.Parameter(torch.zeros(16))

        def forward(self, x: Tensor) -> Tensor:
            x = self.up(x)
            return x + torch.sin(self.alpha * x) ** 2 / self.alpha

    found = [finding for finding in measured(Snake(), X) if finding.code == "SIG506"]
    assert told(found) == [("SIG506", "alpha")]


def test_a_branch_with_a_law_of_its_own_is_named_with_the_std_of_its_siblings() -> None:
    model: Any = redrawn(deep(8, 64, nn.Tanh), nn.init.xavier_normal_)
    assert measured(model, X) == []
    with torch.no_grad():
        model[6].weight.mul_(0.05)
    [finding] = measured(model, X)
    assert told([finding]) == [("SIG507", "6.weight")]
    assert "siblings" in finding.message
    assert finding.fix == f"std {float(finding.expected):.3g} instead of {float(finding.measured):.3g}"


def test_an_explosion_says_the_std_that_is_wanted_and_what_explains_the_one_found() -> None:
    model: Any = redrawn(deep(8, 64, nn.ReLU), _he)
    with torch.no_grad():
        model[6].weight.mul_(100)
    [finding] = measured(model, X)
    assert told([finding]) == [("SIG503", "6.weight")]
    assert finding.fix.endswith("a factor of 100")
