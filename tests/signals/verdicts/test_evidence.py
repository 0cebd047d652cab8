"""What else speaks against a law: the recipe that all other layers follow, zeros, a bound, gradients alone."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from initwise.signals import Culprit
from tests.signals.verdicts.judging import noise

WIDTHS = (16, 256, 64, 128, 96, 10)


def chain(widths: tuple[int, ...], between: type[nn.Module]) -> nn.Module:
    layers = [each for taken, made in pairwise(widths[:-1]) for each in (nn.Linear(taken, made), between())]
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))


def accused(model: nn.Module, rules: Any, inputs: Tensor, *, measured: bool) -> list[Culprit]:
    plan = iw.plan(model, rules, inputs=inputs)
    found = iw.measure(model, inputs, plan=plan) if measured else iw.predict(model, plan, inputs)
    return [each.culprit for each in found.verdicts if each.culprit is not None]


@pytest.mark.parametrize("measured", [False, True], ids=["predicted", "measured"])
@pytest.mark.parametrize("name", ["0.weight", "4.weight"])
def test_where_all_others_follow_auto_a_textbooks_law_with_the_other_fan_is_named(name: str, measured: bool) -> None:
    def made() -> nn.Module:
        return chain(WIDTHS, nn.ReLU)

    other = iw.rule(name, iw.VarianceScaling(2.0, "fan_out"))
    assert accused(made(), "auto", noise(32, 16), measured=measured) == []
    named = accused(made(), ["auto", other], noise(32, 16), measured=measured)
    assert {each.parameter for each in named} == {name}
    right = iw.plan(made(), "auto", inputs=noise(32, 16))[name].law
    assert right is not None
    assert named[0].wanted == pytest.approx(right.std, rel=0.02)
    assert "fan_out" in named[0].fix


def test_a_law_of_its_own_that_no_mistake_explains_is_left_to_who_chose_it() -> None:
    chosen = iw.rule("8.weight", iw.Normal(std=0.037))
    assert accused(chain(WIDTHS, nn.ReLU), ["auto", chosen], noise(32, 16), measured=False) == []


class Couplings(nn.Module):
    """x + net(x) again and again, each net a dense layer, ReLU, and one that starts as zeros."""

    def __init__(self, count: int = 5) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        for net in self.nets:
            x = x + net(x)
        return x


def test_the_one_weight_that_is_drawn_where_its_siblings_are_zeros_is_named() -> None:
    zeros = [iw.rule(nn.Linear, weight=iw.KaimingNormal(), bias=iw.Zeros()), iw.rule("nets.*.2.weight", iw.Zeros())]
    one = iw.rule("nets.3.2.weight", iw.KaimingNormal())
    assert accused(Couplings(), zeros, noise(32, 64), measured=False) == []
    named = accused(Couplings(), [*zeros, one], noise(32, 64), measured=False)
    assert [each.parameter for each in named] == ["nets.3.2.weight"]
    assert "4 siblings are zeros" in named[0].message
    two = iw.rule("nets.1.2.weight", iw.KaimingNormal())
    assert accused(Couplings(), [*zeros, one, two], noise(32, 64), measured=False) == []


def test_uniform_laws_up_to_what_the_std_should_be_are_named_and_torchs_own_are_not() -> None:
    model, inputs = chain((128, *[128] * 8, 10), nn.Tanh), noise(32, 128)
    zeros = iw.rule("*.bias", iw.Zeros())
    bound = 5 / 3 / math.sqrt(128)
    named = accused(model, [iw.rule("*.weight", iw.Uniform(-bound, bound)), zeros], inputs, measured=False)
    assert {each.parameter for each in named} == {"0.weight"}
    assert "taken as the bound" in named[0].fix
    assert named[0].wanted == pytest.approx(bound)
    plain = 1 / math.sqrt(128)
    assert accused(model, [iw.rule("*.weight", iw.Uniform(-plain, plain)), zeros], inputs, measured=False) == []


class Sines(nn.Module):
    """sin(30 W x), five times: the signal keeps its size whatever W is, its gradient does not."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(8, 128), *(nn.Linear(128, 128) for _ in range(4))])
        self.out = nn.Linear(128, 3)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.sin(30 * layer(x))
        made: Tensor = self.out(x)
        return made


@pytest.mark.parametrize("measured", [False, True], ids=["predicted", "measured"])
def test_gradients_that_explode_behind_a_bounded_function_have_a_culprit(measured: bool) -> None:
    large = math.sqrt(6 / 128)
    right = [iw.rule(nn.Linear, weight=iw.Uniform(-large / 30, large / 30), bias=iw.Zeros())]
    right.append(iw.rule("layers.0.weight", iw.Uniform(-1 / 8, 1 / 8)))
    wrong = iw.rule("layers.[1-4].weight", iw.Uniform(-large, large))
    assert accused(Sines(), right, noise(64, 8), measured=measured) == []
    named = accused(Sines(), [*right, wrong], noise(64, 8), measured=measured)
    assert {each.parameter for each in named} == {"layers.1.weight"}
    assert named[0].wanted == pytest.approx(large / math.sqrt(3) / 30, rel=0.1)
    odd = iw.rule("layers.3.weight", iw.Uniform(-large * 10, large * 10))
    assert {each.parameter for each in accused(Sines(), [*right, odd], noise(64, 8), measured=measured)} == {
        "layers.3.weight"
    }


class LastStep(nn.Module):
    """A recurrent ReLU whose signal grows from step to step, and an ordinary head that takes the last one."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.RNN(32, 64, nonlinearity="relu", batch_first=True)
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.head(self.rnn(x)[0][:, -1])
        return made


@pytest.mark.parametrize("measured", [False, True], ids=["predicted", "measured"])
def test_a_head_that_takes_the_last_step_is_not_blamed_for_the_steps_before(measured: bool) -> None:
    rules = [
        iw.rule("head", weight=iw.LecunNormal(), bias=iw.Zeros()),
        iw.rule(nn.RNN, weight_hh=iw.Orthogonal(2.0), weight_ih=iw.LecunNormal(), bias=iw.Zeros()),
    ]
    named = accused(LastStep(), rules, noise(16, 24, 32), measured=measured)
    assert {each.parameter for each in named} == {"rnn.weight_hh_l0"}


def test_without_a_traced_pass_nothing_is_held_against_auto() -> None:
    model, inputs = chain(WIDTHS, nn.ReLU), noise(32, 16)
    plan = iw.plan(model, ["auto", iw.rule("0.weight", iw.VarianceScaling(2.0, "fan_out"))], inputs=inputs)
    found = iw.predict(model, plan, inputs)
    assert any(each.culprit is not None for each in found.verdicts)
    assert all(each.culprit is None for each in iw.signals.judge(replace(found, verdicts=()), plan))
