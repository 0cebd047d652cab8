"""GRD603 while training: gradients that explode or vanish over depth, and a right twin of each."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import nn

import initwise as iw
from tests.monitoring.training import train


def chain(layers: int, activation: Callable[[], nn.Module]) -> nn.Sequential:
    widths = [8, *[64] * layers]
    made = [each for one, other in pairwise(widths) for each in (nn.Linear(one, other), activation())]
    return nn.Sequential(*made, nn.Linear(64, 3))


def watched(model: nn.Module, std: float | None) -> tuple[iw.Monitor, iw.Plan]:
    rules = "auto" if std is None else [iw.rule("*.weight", iw.Normal(std=std)), iw.rule("*.bias", iw.Zeros())]
    plan = iw.plan(model, rules, inputs=torch.randn(4, 8))
    iw.apply(model, plan)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
    monitor = iw.Monitor(model, plan, optimizer=optimizer)
    train(model, monitor, optimizer, 3)
    return monitor, plan


@pytest.mark.parametrize(
    ("layers", "activation", "std", "word"),
    [
        (12, nn.ReLU, 0.6, "explodes"),
        (12, nn.ReLU, 0.03, "vanishes"),
        # so far that squares of the first layers' gradients are zero in float32
        pytest.param(40, nn.ReLU, 0.03, "vanishes", marks=pytest.mark.long),
        pytest.param(24, nn.Tanh, 0.03, "vanishes", marks=pytest.mark.long),
    ],
)
def test_it_is_told_once_with_the_law_and_not_of_the_right_twin(
    layers: int, activation: Callable[[], nn.Module], std: float, word: str
) -> None:
    torch.manual_seed(0)
    monitor, _ = watched(chain(layers, activation), std)
    (alert,) = (each for each in monitor.alerts if each.code == "GRD603")
    assert alert.step == 0
    assert alert.finding.message.startswith(f"the gradient {word} from {2 * layers - 2} back to ")
    assert (
        f": its weights were drawn with Normal(std={std:g}), std {std:g}, by rule('*.weight'" in alert.finding.message
    )
    twin, _ = watched(chain(layers, activation), None)
    assert not [each for each in twin.alerts if each.code == "GRD603"]


def test_what_is_suggested_lets_the_gradient_through() -> None:
    torch.manual_seed(0)
    model = chain(12, nn.ReLU)
    monitor, _ = watched(model, 0.03)
    suggested = monitor.suggest()
    assert suggested.plan is not None
    monitor.close()
    iw.apply(model, suggested.plan)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
    again = iw.Monitor(model, suggested.plan, optimizer=optimizer)
    train(model, again, optimizer, 3)
    assert again.alerts == ()
