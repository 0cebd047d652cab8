"""Coordinate checks along width tell standard parametrization from muP."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import initwise as iw
from initwise.signals import CoordinateCheck
from tests.signals.coordinates.checking import BATCH, Scored, mlp, sized

WIDTHS = (64, 128, 256, 512)
FEW = (64, 256)  # where the difference is large


def slope(check: CoordinateCheck, module: str, step: int, statistic: str = "update") -> float:
    """The slope of one activation."""
    found = check.find(module, step, statistic).slope  # type: ignore[arg-type]
    assert found is not None
    return found


@pytest.fixture(scope="module")
def standard() -> CoordinateCheck:
    """An MLP as torch makes it, under Adam."""
    return iw.coordinate_check(sized(mlp, WIDTHS), BATCH, steps=2)


@pytest.fixture(scope="module")
def maximal() -> CoordinateCheck:
    """The same under muP."""
    return iw.coordinate_check(sized(mlp, WIDTHS), BATCH, steps=2, plan=iw.recipes.mup(mlp(64)))


def test_changes_of_hidden_layers_blow_up_with_width_under_adam_as_torch_makes_them(standard: CoordinateCheck) -> None:
    # An update of Adam has entries of one size; `width` of them add up coherently: E[dx^2] ~ width^2.
    assert 1.5 < slope(standard, "2", 1) < 2.2
    assert standard.find("2", 1, "update").verdict == "grows"
    assert slope(standard, "6", 1) > 2
    assert abs(slope(standard, "0", 1)) < 0.1  # the input does not get wider
    assert not standard.ok
    assert standard.message.startswith("grows with width: 2,4,6 (slope ")


def test_under_maximal_updates_every_activation_and_every_change_is_stable(maximal: CoordinateCheck) -> None:
    assert maximal.ok, maximal.message
    assert all(abs(slope(maximal, module, step)) < 0.25 for module in "0246" for step in (1, 2))
    assert all(abs(slope(maximal, module, step, "second_moment")) < 0.3 for module in "024" for step in (0, 1, 2))
    assert maximal.message == (
        "mup holds: 4 activations are stable (of them 1 shrink where they may), and so are their changes, over widths "
        "64 to 512"
    )


def test_the_output_may_shrink_at_initialization_under_mup_and_no_other_layer(maximal: CoordinateCheck) -> None:
    row = maximal.find("6", 0, "second_moment")
    assert row.verdict == "shrinks"
    assert row.allowed
    assert -1.4 < slope(maximal, "6", 0, "second_moment") < -0.7  # 1 / width
    assert "output" in row.why
    hidden = iw.coordinate_check(  # std 1 / width: the signal of hidden layers dies with the width
        sized(mlp, FEW), BATCH, steps=1, plan=_shrinking
    )
    assert hidden.find("2", 0, "second_moment").verdict == "shrinks"
    assert not hidden.find("2", 0, "second_moment").allowed


def _shrinking(model: nn.Module) -> list[iw.Rule]:
    width = model.get_submodule("0").out_features
    assert isinstance(width, int)
    return [
        iw.rule("0.weight", iw.LecunNormal()),
        iw.rule("*.weight", iw.Normal(std=1 / width)),
        iw.rule("*.bias", iw.Zeros()),
    ]


def test_without_the_learning_rates_of_the_plan_mup_weights_do_not_keep_their_changes() -> None:
    def own(model: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.Adam(model.parameters(), lr=1e-2)

    def weights_only(model: nn.Module) -> iw.Plan:
        plan = iw.plan(model, iw.recipes.mup(mlp(64)))
        return iw.Plan(plan.rows, plan.seed)

    models = sized(mlp, FEW)
    bare = iw.coordinate_check(models, BATCH, steps=1, plan=weights_only, optimizer=own, statistic="update")
    assert slope(bare, "2", 1) > 1.5
    whole = iw.coordinate_check(models, BATCH, steps=1, plan=iw.recipes.mup(mlp(64)), optimizer=own, statistic="update")
    assert abs(slope(whole, "2", 1)) < 0.25


def test_the_output_factor_of_mup_is_applied_unless_the_model_has_it_itself() -> None:
    models, recipe = sized(mlp, FEW), iw.recipes.mup(mlp(64))
    applied = iw.coordinate_check(models, BATCH, steps=1, plan=recipe)
    assert any("applied the plan's factors" in note for note in applied.notes)
    left = iw.coordinate_check(models, BATCH, steps=1, plan=recipe, apply_factors=False)
    assert left.notes == ()
    assert slope(left, "6", 1) > slope(applied, "6", 1) + 1.5


def test_sgd_takes_its_own_factors() -> None:
    recipe = iw.recipes.mup(mlp(64), optimizer="sgd")
    options = {"steps": 2, "optimizer": "sgd", "learning_rate": 0.1, "statistic": "update"}
    check = iw.coordinate_check(sized(mlp, FEW), BATCH, plan=recipe, **options)  # type: ignore[arg-type]
    assert all(abs(slope(check, module, 2)) < 0.4 for module in "0246")
    plain = iw.coordinate_check(sized(mlp, FEW), BATCH, **options)  # type: ignore[arg-type]
    assert slope(plain, "0", 2) < -0.5  # what torch makes barely moves the first layer of a wide model under SGD


def test_a_module_called_twice_is_kept_apart_by_its_call() -> None:
    def forward(model: Scored, x: Tensor) -> Tensor:
        shared = model.parts["shared"]
        y = functional.relu(shared(model.read(x)))
        out: Tensor = model.head(shared(y * 3 * y.shape[-1] ** 0.5))
        return out

    def build(width: int) -> nn.Module:
        return Scored(width, forward, shared=nn.Linear(width, width))

    check = iw.coordinate_check(sized(build, (32, 128)), BATCH, steps=1, statistic="second_moment")
    first, second = (slope_at(check, "parts.shared", call) for call in (0, 1))
    assert abs(first) < 0.4
    assert abs(second - first - 1) < 0.4  # the second call is given sqrt(width) times as much
    assert check.find("parts.shared", 0, call=1).name == "parts.shared (call 1)"


def slope_at(check: CoordinateCheck, module: str, call: int) -> float:
    """The slope of the second moment of one call, at initialization."""
    found = check.find(module, 0, call=call).slope
    assert found is not None
    return found


def test_what_a_module_returns_in_structures_is_found_by_its_place() -> None:
    def forward(model: Scored, x: Tensor) -> dict[str, Tensor]:
        out, _ = model.parts["memory"](model.read(x)[:, None])
        return {"logits": model.head(out[:, 0]), "loss": out.mean()}

    def build(width: int) -> nn.Module:
        return Scored(width, forward, memory=nn.LSTM(width, width, batch_first=True))

    check = iw.coordinate_check(sized(build, (16, 32)), BATCH, steps=1, seeds=2)
    outputs = {row.output for row in check if row.module == "parts.memory"}
    assert outputs == {"[0]", "[1][0]", "[1][1]"}
    assert not [
        row for row in check if row.module == ""
    ]  # the head returned the logits already; the loss is no activation


def test_an_activation_that_is_zero_is_told_and_is_no_fault() -> None:
    def zeroed(width: int) -> nn.Module:
        model = mlp(width)
        nn.init.zeros_(model.get_parameter("6.weight"))
        nn.init.zeros_(model.get_parameter("6.bias"))
        return model

    check = iw.coordinate_check(sized(zeroed, (64, 128)), BATCH, steps=1, seeds=2)
    row = check.find("6", 0, "second_moment")
    assert (row.verdict, row.slope, row.allowed) == ("zero", None, True)
    assert check.find("2", 1, "update").verdict == "zero"  # no gradient came through the zeros
    assert check.find("6", 1, "second_moment").verdict != "zero"


def test_one_that_is_zero_at_one_width_only_is_undecided() -> None:
    def build(width: int) -> nn.Module:
        model = mlp(width)
        if width == 64:
            nn.init.zeros_(model.get_parameter("6.weight"))
            nn.init.zeros_(model.get_parameter("6.bias"))
        return model

    check = iw.coordinate_check(sized(build, (64, 128)), BATCH, steps=1, seeds=2)
    row = check.find("6", 0, "second_moment")
    assert row.verdict == "undecided"
    assert row.why == "exactly zero at size 64, seed 0, and not everywhere"
    assert not check.ok


def test_training_that_diverges_is_a_verdict_and_no_exception() -> None:
    def build(width: int) -> nn.Module:
        model = mlp(width)
        if width == 128:
            nn.init.constant_(model.get_parameter("4.weight"), 1e38)
        return model

    def loss(out: Tensor) -> Tensor:
        return (out**2).mean()

    check = iw.coordinate_check(sized(build, (64, 128)), BATCH, loss, steps=2, seeds=2)
    assert {check.find(module, 2, "second_moment").verdict for module in "0246"} == {"diverged"}
    assert check.find("0", 0, "second_moment").verdict == "stable"
    assert not check.ok
    assert check.message.startswith("diverged: ")
    assert check.worst[0].verdict == "diverged"
    lost = [record for record in check.records if record.statistic == "loss" and not math.isfinite(record.value)]
    assert {record.size for record in lost} == {128}


def test_dropout_draws_the_same_at_every_step_so_that_only_training_is_a_change() -> None:
    def build(width: int) -> nn.Module:
        return nn.Sequential(nn.Linear(16, width), nn.Dropout(0.5), nn.Linear(width, 4))

    check = iw.coordinate_check(sized(build, (16, 32)), BATCH, steps=1, seeds=2, learning_rate=1e-12)
    changes = [record.value for record in check.records if record.statistic == "update"]
    assert max(changes) < 1e-12


def test_an_in_place_activation_does_not_reach_what_was_kept_of_the_layer_before_it() -> None:
    def build(width: int) -> nn.Module:
        return nn.Sequential(nn.Linear(16, width), nn.ReLU(inplace=True), nn.Linear(width, 4))

    check = iw.coordinate_check(sized(build, (16, 32)), BATCH, steps=1, seeds=2, learning_rate=1e-12)
    assert max(record.value for record in check.records if record.statistic == "update") < 1e-12
