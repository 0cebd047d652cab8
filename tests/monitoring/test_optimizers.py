"""Optimizers of many kinds: training is the same to the last bit, and rows show what each took and did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import Tensor, nn

import initwise as iw
from tests.monitoring.training import batch, net
from tests.monitoring.twins import Run, plain_run, twins

Made = Callable[[nn.Module], list[torch.optim.Optimizer]]


def adafactor(model: nn.Module, **options: Any) -> list[torch.optim.Optimizer]:
    optimization = pytest.importorskip("transformers.optimization", reason="transformers is not installed")
    return [optimization.Adafactor(model.parameters(), **options)]


def two(model: nn.Module) -> list[torch.optim.Optimizer]:
    parameters = list(model.parameters())
    matrices, vectors = [each for each in parameters if each.ndim == 2], [each for each in parameters if each.ndim == 1]
    return [torch.optim.AdamW(matrices, lr=1e-3), torch.optim.SGD(vectors, lr=0.1)]


OPTIMIZERS: dict[str, Made] = {
    "sgd": lambda model: [torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)],
    "fused": lambda model: [torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)],
    "foreach": lambda model: [torch.optim.AdamW(model.parameters(), lr=1e-3, foreach=True)],
    "a rate that is a tensor": lambda model: [torch.optim.Adam(model.parameters(), lr=torch.tensor(1e-3))],
    "two optimizers": two,
    "adafactor that finds its own rate": adafactor,
    "adafactor": lambda model: adafactor(model, lr=1e-3, relative_step=False, scale_parameter=False),
}


@pytest.mark.filterwarnings("ignore::UserWarning")  # of transformers' Adafactor, about torch's own deprecations
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_watching_changes_no_bit_whatever_the_optimizer(kind: str) -> None:
    monitor = twins(lambda: plain_run(model := net(), *OPTIMIZERS[kind](model)))
    for frame in monitor.frames:
        assert all(row.update_ratio for row in frame.parameters if row.name.endswith("weight"))
        assert all(row.grad_second_moment and row.why == "" for row in frame.parameters)
    assert monitor.alerts == ()


def test_each_parameter_shows_the_rate_of_its_group() -> None:
    monitor = twins(lambda: plain_run(model := net(), *two(model)))
    assert {row.name: row.rate for row in monitor.frames[0].parameters} == {
        "0.weight": 1e-3, "0.bias": 0.1, "2.weight": 1e-3, "2.bias": 0.1, "4.weight": 1e-3, "4.bias": 0.1,
    }  # fmt: skip
    assert monitor.frames[0].rate == 1e-3


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_optimizer_that_finds_its_own_rate_has_none_to_show() -> None:
    monitor = twins(lambda: plain_run(model := net(), *adafactor(model)))
    assert monitor.frames[0].rate is None
    assert {row.rate for row in monitor.frames[0].parameters} == {None}


def lbfgs() -> Run:
    model = net()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=3)
    inputs, labels = batch()

    def evaluate() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        return loss

    return Run(model, lambda: optimizer.step(evaluate).detach(), [optimizer])


def test_of_a_closure_the_gradients_of_its_last_evaluation_are_shown_and_a_note_says_so() -> None:
    monitor = twins(lbfgs, steps=2)
    row = monitor.frames[1].parameters[2]
    gradient = monitor._model.get_parameter("2.weight").grad
    assert gradient is not None
    assert row.grad_second_moment == pytest.approx(float(gradient.square().mean()), rel=1e-4)
    assert [each.module for each in monitor.frames[0].layers] == ["0", "1", "2", "3", "4"]
    assert monitor.notes[0].startswith("an optimizer takes a closure: gradients of parameters are those of its last")


def test_a_first_step_with_a_closure_has_gradients_too() -> None:
    frame = twins(lbfgs, steps=1).frames[0]
    assert {row.why for row in frame.parameters} == {""}
    assert all(row.grad_second_moment for row in frame.parameters)


def resting(model: nn.Module) -> torch.optim.Optimizer:
    groups: list[dict[str, Any]] = [
        {"params": [*model.get_submodule("0").parameters()], "lr": 0.0},
        {"params": [*model.get_submodule("2").parameters(), *model.get_submodule("4").parameters()]},
    ]
    return torch.optim.SGD(groups, lr=0.1)


def test_a_group_with_a_rate_of_zero_is_meant_to_rest_and_no_alert() -> None:
    monitor = twins(lambda: plain_run(model := net(), resting(model)), steps=7)
    assert monitor.alerts == ()
    rows = {row.name: row for row in monitor.frames[-1].parameters}
    assert (rows["0.weight"].update_ratio, rows["0.weight"].why) == (0.0, "the learning rate of its group is 0")
    assert (rows["2.weight"].rate, rows["2.weight"].why) == (0.1, "")


def test_what_stands_still_beside_a_group_that_rests_is_told() -> None:
    def build() -> Run:
        model = net()
        optimizer = resting(model)
        optimizer.param_groups[1]["lr"] = 1e-12
        return plain_run(model, optimizer)

    monitor = twins(build, steps=6)
    assert [(each.code, each.finding.parameter) for each in monitor.alerts] == [("TRN903", "2.weight")]
    assert [each.parameter for each in monitor.findings[0].each()] == ["2.weight", "4.weight"]


def test_an_optimizer_that_is_given_late_is_seen_from_then_on() -> None:
    model, (inputs, labels) = net(), batch()
    monitor = iw.Monitor(model)
    with monitor.step():
        F.cross_entropy(model(inputs), labels).backward()
    assert {row.why for row in monitor.frames[0].parameters} == {"no step was taken"}
    optimizer = torch.optim.SGD(list(model.parameters())[:4], lr=0.1)
    with pytest.raises(iw.ArgumentError, match=r"Monitor\.use: the optimizer holds 6 parameters, and none of them"):
        monitor.use(torch.optim.SGD(net().parameters(), lr=0.1))
    monitor.use(optimizer)
    with monitor.step():
        F.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    assert monitor.frames[1].parameters[0].update_ratio
    assert [each.parameter for each in monitor.findings[0].each()] == ["4.weight", "4.bias"]  # held by none


def test_gradients_that_are_accumulated_are_the_same_to_the_last_bit() -> None:
    def build() -> Run:
        model, (inputs, labels) = net(), batch()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

        def step() -> Tensor:
            optimizer.zero_grad()
            losses = []
            for part in range(4):
                loss = F.cross_entropy(model(inputs[part::4]), labels[part::4]) / 4
                loss.backward()
                losses.append(loss.detach())
            nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()
            return torch.stack(losses).sum()

        return Run(model, step, [optimizer])

    monitor = twins(build)
    rows = monitor.frames[-1].parameters
    energy = sum(
        (row.grad_second_moment or 0.0) * size for row, size in zip(rows, (512, 64, 4096, 64, 192, 3), strict=True)
    )
    assert energy**0.5 == pytest.approx(0.1, rel=1e-3)  # as clipped
    assert [row.call for row in monitor.frames[0].layers] == [0] * 5
