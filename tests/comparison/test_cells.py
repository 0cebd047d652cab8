from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from initwise.comparison._cells import TUNING, Cell, Outcome
from initwise.comparison._strategies import Strategy, strategies
from initwise.comparison._training import POINTS, run_cell
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.initializers import Normal, Zeros
from initwise.planning import Plan, plan
from initwise.recipes import Multiplier
from initwise.rules import rule
from tests.comparison.toys import TOY, Epochs, data, loss, table

XAVIER, KAIMING = Strategy("xavier", "xavier"), Strategy("kaiming", "kaiming")
CELL = Cell("xavier", 0.1, 0)


class Watched:
    """A loss that keeps the batches it saw and the dropout masks that the model drew."""

    def __init__(self) -> None:
        self.inputs: list[Tensor] = []
        self.masks: list[Tensor] = []

    def __call__(self, model: nn.Module, batch: Any) -> Tensor:
        if model.training:
            self.inputs.append(batch[0])
            with torch.random.fork_rng(devices=[]):
                self.masks.append(torch.rand(4))
        return loss(model, batch)


def watched(strategy: Strategy, seed: int = 0, rate: float = 0.1) -> Watched:
    seen = Watched()
    run_cell(replace(TOY, loss=seen), strategy, Cell(strategy.name, rate, seed), 20)
    return seen


def numpy_state() -> bytes:
    state: Any = np.random.get_state()  # noqa: NPY002
    return bytes(state[1].tobytes())


def test_a_cell_run_twice_gives_the_same_numbers() -> None:
    one, two = (run_cell(TOY, XAVIER, CELL, 20) for _ in range(2))
    assert replace(one, seconds=0) == replace(two, seconds=0)
    assert one.validation is not None
    assert one.start is not None
    assert one.validation < one.start


def test_strategies_see_the_same_batches_augmentation_and_noise_at_every_step() -> None:
    def greedy(model: nn.Module, batches: Any, seed: int) -> Plan:
        torch.rand(1000)  # a strategy that draws shifts nothing for the training after it
        return plan(model, "kaiming", seed=seed)

    one, two = watched(XAVIER), watched(Strategy("greedy", greedy), rate=0.01)
    assert len(one.inputs) == 20 + 1  # and the first batch again, to see what training took off its loss
    assert torch.equal(one.inputs[-1], one.inputs[0])
    assert torch.equal(one.masks[-1], one.masks[0])
    assert all(torch.equal(a, b) for a, b in zip(one.inputs, two.inputs, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(one.masks, two.masks, strict=True))


def test_seeds_see_other_batches_and_epochs_other_orders() -> None:
    one, two = watched(XAVIER), watched(XAVIER, seed=1)
    assert not torch.equal(one.inputs[0], two.inputs[0])
    assert not torch.equal(one.inputs[0], one.inputs[8])  # the first batch of the second epoch


def test_random_states_of_the_caller_stay_as_they_are() -> None:
    before = random.getstate(), numpy_state(), torch.get_rng_state()
    run_cell(TOY, XAVIER, CELL, 2)
    assert random.getstate() == before[0]
    assert numpy_state() == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])


def test_a_loss_that_is_not_finite_ends_the_cell_as_diverged() -> None:
    def breaks(model: nn.Module, batch: Any) -> Tensor:
        first = next(model.parameters())
        return loss(model, batch) * (float("nan") if first.abs().max() > 0.8 else 1.0)

    out = run_cell(replace(TOY, loss=breaks), XAVIER, Cell("xavier", 1.0, 0), 20)
    assert out.diverged
    assert out.loss is None
    assert 0 < out.steps < 20
    assert out.start is not None
    assert out.curve[-1][1] is None


def test_a_loss_that_ends_above_twice_its_start_has_diverged() -> None:
    out = run_cell(TOY, XAVIER, Cell("xavier", 30.0, 0), 20)
    assert out.diverged
    assert out.steps == 20
    assert out.training is not None


def test_an_outcome_survives_json() -> None:
    out = run_cell(TOY, XAVIER, CELL, 20)
    assert Outcome.from_dict(out.to_dict()) == out


def test_the_curve_ends_with_the_last_step_and_averages_between_its_points() -> None:
    out = run_cell(TOY, XAVIER, CELL, 100)
    assert len(out.curve) == POINTS
    assert out.curve[-1][0] == 100
    assert [step for step, _ in out.validation_curve] == [12, 25, 38, 50, 62, 75, 88, 100]
    assert out.validation_curve[-1][1] == out.validation


def test_validation_runs_without_dropout_and_weighs_batches_by_their_rows() -> None:
    still = replace(TOY, optimizer=lambda parameters, rate: torch.optim.SGD(parameters, lr=0.0))
    out = run_cell(still, XAVIER, CELL, 1)
    model = TOY.build(0).eval()
    from initwise.writing import apply

    apply(model, plan(model, "xavier", seed=0))
    inputs, target = table()
    assert out.validation == pytest.approx(loss(model, (inputs, target)).item(), rel=1e-5)


def test_signals_come_from_the_first_step() -> None:
    seen = run_cell(TOY, Strategy("half", [rule("0.*", Zeros()), rule("3.*", Normal(std=0.1))]), CELL, 1).signals
    assert [row["module"] for row in seen["outputs"]] == ["0", "1", "2", "3"]
    assert seen["outputs"][2]["zeros"] == 1.0
    assert seen["still"] == 0.75  # with no signal below, only the last bias has a gradient
    assert seen["gradient_norm"] > 0


def test_multipliers_of_the_plan_reach_the_optimizer() -> None:
    rates: list[float] = []

    class Noted(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            rates.extend(group["lr"] for group in self.param_groups)

    def slower(model: nn.Module, batches: Any) -> Plan:
        return replace(plan(model, "xavier"), multipliers=(Multiplier("0.weight", "learning_rate", 0.5, "half"),))

    noted = replace(TOY, optimizer=lambda parameters, rate: Noted(parameters, lr=rate))
    run_cell(noted, Strategy("slower", slower), CELL, 1)
    assert sorted(rates) == [0.05, 0.1]


def test_a_plan_as_strategy_is_drawn_anew_for_every_seed() -> None:
    made = Strategy("plan", plan(TOY.build(0), "xavier", seed=99))
    starts = {run_cell(TOY, made, Cell("plan", 0.1, seed), 1).start for seed in range(3)}
    assert len(starts) == 3
    assert run_cell(TOY, XAVIER, CELL, 1).start in starts


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": lambda model, batch: model(batch[0])}, r"the loss is a tensor of shape \(8, 3\); return a scalar"),
        ({"loss": lambda model, batch: 1.5}, "the loss is 1.5; return a scalar tensor"),
        ({"build": lambda seed: "no model"}, "build returned 'no model' of type str; return an nn.Module"),
        ({"data": lambda seed: [1]}, r"data returned \[1\]; return \(training, validation\)"),
        ({"data": lambda seed: (iter([1]), [])}, "an iterator, which can be read once; return a list or a loader"),
        ({"data": lambda seed: ([], [])}, r"data\(0\) gave no training batch"),
        ({"data": lambda seed: (data(seed)[0], [])}, r"data\(0\) gave no validation batch; give at least one, or None"),
        ({"optimizer": lambda parameters, rate: None}, "optimizer returned None of type NoneType; return a torch opti"),
        (
            {"loss": lambda model, batch: loss(model, batch).detach()},
            r"the loss has no gradient; .* detach\(\)",
        ),
        (
            {"loss": lambda model, batch: torch.tensor(3)},
            "the loss is a tensor of torch.int64; return a scalar",
        ),
        ({"metric": lambda model, batch: "good"}, "the metric is 'good' of type str; return a number"),
    ],
)
def test_a_task_that_is_none_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        run_cell(replace(TOY, **change), XAVIER, CELL, 2)


def test_a_cell_without_validation_batches_is_judged_by_its_training_loss() -> None:
    out = run_cell(replace(TOY, data=lambda seed: (data(seed)[0], None)), XAVIER, CELL, 20)
    assert out.validation is None
    assert out.loss == out.training
    assert not out.diverged


def test_seeds_for_tuning_are_others_than_those_of_the_verdict() -> None:
    assert Cell("a", 0.1, TUNING).tunes
    assert not Cell("a", 0.1, 100).tunes
    assert str(Cell("a", 0.1, TUNING + 1)) == "a at learning rate 0.1, tuning seed 1"


# --------------------------------------------------------------------------------------------------------- strategies


def test_strategies_are_named_by_the_task_by_recipes_and_by_steps() -> None:
    found = strategies(["classic", "mine+lsuv", "lsuv"], {"mine": [rule("*", Zeros())]})
    assert [(each.name, each.steps) for each in found] == [
        ("classic", ()),
        ("mine+lsuv", ("lsuv",)),
        ("lsuv", ("lsuv",)),
    ]
    assert found[2].made == "auto"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["auto"], r"there is 1 \(auto\); a comparison needs at least two"),
        (["auto", "auto"], "'auto' stands there twice"),
        (["auto", "xavir"], "there is no strategy 'xavir'; did you mean 'xavier'"),
        (["auto", "xavier+lsv"], "there is no step 'lsv'; there are lsuv"),
        ("auto", "give a mapping of names to rules, or a list of names"),
        ([3, "auto"], "3 is no name"),
    ],
)
def test_strategies_that_are_none_are_refused(given: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        strategies(given, {})


def test_a_function_that_returns_no_plan_is_named() -> None:
    with pytest.raises(ArgumentError, match="strategy 'mine': it returned 5 of type int; return a Plan"):
        run_cell(TOY, Strategy("mine", lambda model, batches: 5), CELL, 1)


def test_a_function_may_look_at_the_first_training_batches() -> None:
    seen: list[Any] = []

    def mine(model: nn.Module, batches: Any) -> Plan:
        seen.extend(batches)
        return plan(model, "xavier")

    one = run_cell(TOY, Strategy("mine", mine), Cell("mine", 0.1, 3), 1)
    assert torch.equal(seen[0][0], watched(XAVIER, seed=3).inputs[0])
    assert one.start == run_cell(TOY, XAVIER, Cell("xavier", 0.1, 3), 1).start  # and its plan gets the cell's seed


def test_iterating_the_toy_twice_under_one_state_gives_one_order() -> None:
    def first(epochs: Epochs) -> Iterator[Tensor]:
        torch.manual_seed(1)
        yield next(iter(epochs))[0]

    epochs = Epochs(*table())
    assert torch.equal(*(next(first(epochs)) for _ in range(2)))


def test_a_task_refuses_what_cannot_be() -> None:
    bad: dict[str, Any] = {"name": 3, "loss": None}
    with pytest.raises(ArgumentTypeError, match=r"Task: name is 3; .*; loss is None; give a function"):
        replace(TOY, **bad)
    with pytest.raises(ArgumentError, match="learning_rates holds -1, and every learning rate must be positive"):
        replace(TOY, learning_rates=(-1, 0.1))
    with pytest.raises(ArgumentError, match="learning_rates is empty"):
        replace(TOY, learning_rates=())
