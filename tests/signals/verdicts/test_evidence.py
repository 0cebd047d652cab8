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
    named = accused(LastStep(), rules, noise(8, 112, 32), measured=measured)  # the last step is 56 times the mean one
    assert {each.parameter for each in named} == {"rnn.weight_hh_l0"}


def test_without_a_traced_pass_nothing_is_held_against_auto() -> None:
    model, inputs = chain(WIDTHS, nn.ReLU), noise(32, 16)
    plan = iw.plan(model, ["auto", iw.rule("0.weight", iw.VarianceScaling(2.0, "fan_out"))], inputs=inputs)
    found = iw.predict(model, plan, inputs)
    assert any(each.culprit is not None for each in found.verdicts)
    assert all(each.culprit is None for each in iw.signals.judge(replace(found, verdicts=()), plan))


def relu_chain(widths: tuple[int, ...] = (128, *[128] * 12, 10)) -> nn.Module:
    return chain(widths, nn.ReLU)


def test_of_layers_that_are_off_alike_the_first_of_them_is_named_and_not_a_right_one_before() -> None:
    some = [iw.rule(f"{index}.weight", iw.Normal(std=0.01)) for index in (4, 8, 12, 16)]
    rules = [iw.rule(nn.Linear, weight=iw.KaimingNormal(), bias=iw.Zeros()), *some]
    named = accused(relu_chain(), rules, noise(32, 128), measured=False)
    assert {each.parameter for each in named} == {"4.weight"}
    assert named[0].wanted == pytest.approx(math.sqrt(2 / 128), rel=0.2)


class Scaled(nn.Module):
    """x + scale * down(relu(up(x))), twelve times, without a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.ups = nn.ModuleList(nn.Linear(64, 128) for _ in range(12))
        self.downs = nn.ModuleList(nn.Linear(128, 64) for _ in range(12))
        self.scales = nn.ParameterList(nn.Parameter(torch.ones(64)) for _ in range(12))

    def forward(self, x: Tensor) -> Tensor:
        for up, down, scale in zip(self.ups, self.downs, self.scales, strict=True):
            x = x + scale * down(up(x).relu())
        return x


def test_scales_of_branches_that_do_not_keep_them_small_are_named_instead_of_the_layers() -> None:
    rules = [iw.rule(nn.Linear, weight=iw.KaimingNormal(), bias=iw.Zeros())]
    ones, small = iw.rule("scales.*", iw.Ones()), iw.rule("scales.*", iw.Constant(0.2))
    named = accused(Scaled(), [*rules, ones], noise(32, 64), measured=False)
    assert {each.parameter for each in named} == {"scales.1"}  # the first is added to the input itself
    assert named[0].found == 1.0
    assert 0.1 < (named[0].wanted or 0) < 0.4
    assert accused(Scaled(), [*rules, small], noise(32, 64), measured=False) == []


class Gated(nn.Module):
    """Six gated linear units one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(128, 256) for _ in range(6))
        self.head = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = nn.functional.glu(layer(x))
        made: Tensor = self.head(x)
        return made


def test_the_gain_of_a_gated_linear_unit_is_missed_where_many_layers_lack_it() -> None:
    plain = iw.rule(nn.Linear, weight=iw.LecunNormal(), bias=iw.Zeros())
    named = accused(Gated(), [plain], noise(32, 128), measured=False)
    assert {each.parameter for each in named} == {"layers.0.weight"}
    assert "gain 1.85 of a gated linear unit" in named[0].fix
    gained = [plain, *(iw.rule(f"layers.{k}.weight", iw.VarianceScaling(1.8461**2)) for k in range(6))]
    assert accused(Gated(), gained, noise(32, 128), measured=False) == []


def test_tanh_of_a_vanishing_signal_passes_it_and_does_not_hide_that_it_vanishes() -> None:
    model = chain((64, *[64] * 4, 6), nn.Tanh)
    small = [iw.rule(f"{index}.weight", iw.Orthogonal(0.01)) for index in (0, 2, 4, 6)]
    rules = [iw.rule(nn.Linear, weight=iw.Orthogonal(), bias=iw.Zeros())]
    assert accused(model, rules, noise(32, 64), measured=False) == []
    named = accused(model, [*rules, *small], noise(32, 64), measured=False)
    assert {each.parameter for each in named} == {"0.weight"}


class Match(nn.Module):
    """A bilinear layer of two encoders."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(48, 64), nn.Linear(48, 64)
        self.join, self.out = nn.Bilinear(64, 64, 32), nn.Linear(32, 4)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        made: Tensor = self.out(self.join(self.left(a).relu(), self.right(b).relu()).relu())
        return made


def test_a_bilinear_layer_counts_the_pairs_of_what_it_takes() -> None:
    inputs = (noise(32, 48), noise(32, 48))
    right = iw.rule((nn.Linear, nn.Bilinear), weight=iw.KaimingNormal(), bias=iw.Zeros())
    wrong = iw.rule("join.weight", iw.Normal(std=math.sqrt(2 / 64)))
    plan = iw.plan(Match(), [right], inputs=inputs)
    assert all(each.ok for each in iw.predict(Match(), plan, inputs).verdicts)
    plan = iw.plan(Match(), [right, wrong], inputs=inputs)
    named = [each.culprit for each in iw.predict(Match(), plan, inputs).verdicts if each.culprit is not None]
    assert {each.parameter for each in named} == {"join.weight"}
    assert named[0].wanted is not None
    assert named[0].wanted < 0.05


class Ended(nn.Module):
    """x + norm(layer(x)), with a norm at the start of each branch too."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.ModuleList(nn.LayerNorm(64) for _ in range(4))
        self.layers = nn.ModuleList(nn.Linear(64, 64) for _ in range(4))
        self.last = nn.ModuleList(nn.LayerNorm(64) for _ in range(4))
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        for first, layer, last in zip(self.first, self.layers, self.last, strict=True):
            x = x + last(layer(first(x)))
        made: Tensor = self.head(x)
        return made


@pytest.mark.parametrize(("place", "named"), [("last", set()), ("first", {"first.0.weight"})])
def test_a_small_norm_may_end_a_branch_and_not_begin_one(place: str, named: set[str]) -> None:
    small = [iw.rule(f"{place}.{index}.weight", iw.Constant(0.2)) for index in range(4)]
    assert {each.parameter for each in accused(Ended(), ["auto", *small], noise(32, 64), measured=False)} == named


def test_thousands_of_narrow_layers_are_judged_and_no_right_law_is_blamed_for_their_depth() -> None:
    deep = nn.Sequential(*(each for _ in range(1200) for each in (nn.Linear(16, 16, device="meta"), nn.ReLU())))
    found = iw.predict(deep, iw.plan(deep, "kaiming", inputs="8x16"), noise(8, 16))
    assert [each.culprit for each in found.verdicts] == [None, None]


def test_a_signal_beyond_single_precision_is_unknown_with_the_reason_and_squares_beyond_it_are_told() -> None:
    deep = nn.Sequential(*(nn.Linear(64, 64, device="meta") for _ in range(300)))
    found = iw.predict(deep, iw.plan(deep, "kaiming", inputs="8x64"), noise(8, 64))
    assert found.rows[200].second_moment == pytest.approx(2.0**201, rel=1e3)
    assert found.rows[299].second_moment is None
    assert "single precision" in found.rows[299].why
    assert found.rows[299].grad_second_moment is None
