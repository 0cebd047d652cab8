from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("optuna", reason="Optuna, the engine of comparisons, is not installed")

import initwise
from initwise.comparison import Cell, CellError, Comparison, Experiment, Outcome, Task, compare
from initwise.comparison._cells import TUNING
from initwise.comparison._curves import learning_curve
from initwise.comparison._design import Design
from initwise.comparison._progress import Progress, span
from initwise.comparison._strategies import Strategy
from initwise.comparison._training import run_cell
from initwise.comparison.engine import Board
from initwise.errors import ArgumentError, NotSupportedError
from initwise.initializers import Normal, Zeros
from initwise.planning import Plan, plan
from initwise.rules import rule
from tests.comparison.toys import TOY, build, data, loss

BIG = [rule("*.weight", Normal(std=30.0)), rule("*.bias", Zeros())]
XAVIER = Strategy("xavier", "xavier")
FIXED = replace(TOY, learning_rates=(0.1,))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(task: Task = FIXED, strategies: Any = ("xavier", "kaiming"), **options: Any) -> Comparison:
    settings: dict[str, Any] = {"seeds": 6, "progress": False, "test": "t"}
    return compare(task, strategies, **settings | options)


# ----------------------------------------------------------------------------------------------------------- results


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    place = tmp_path_factory.mktemp("found") / "cells.journal"
    small = [rule("*.weight", Normal(std=1e-4)), rule("*.bias", Zeros())]
    given = {"xavier": "xavier", "small": small, "kaiming": "kaiming"}
    return compare(replace(TOY, steps=40), given, seeds=8, storage=place, progress=False)


def test_a_law_that_is_far_too_narrow_loses_and_is_stopped(found: Comparison) -> None:
    verdict = found.verdicts.of("small")
    assert verdict is not None
    assert verdict.verdict == "worse"
    assert 3 <= len(found.runs("small")) < 8
    assert len(found.runs("xavier")) == 8


def test_every_strategy_is_judged_at_the_rate_that_its_own_tuning_chose(found: Comparison) -> None:
    for name in ("xavier", "kaiming", "small"):
        tuned = {
            rate: sorted(found.outcomes[Cell(name, rate, TUNING + place)].loss or 1e99 for place in range(2))
            for rate in TOY.learning_rates
        }
        assert found.rates[name] == min(tuned, key=lambda rate, tuned=tuned: sum(tuned[rate]))  # type: ignore[misc]
        assert {each.cell.rate for each in found.runs(name)} == {found.rates[name]}
        assert not any(each.cell.tunes for each in found.runs(name))


def test_a_comparison_prints_its_verdicts_and_what_they_rest_on(found: Comparison) -> None:
    text = str(found)
    assert text.startswith(
        "toy: 40 steps, 8 seeds; with 8 seeds and 2 contenders a difference of 1 noise is found with "
    )
    assert "verdict" in text
    assert "gradient ratio" in text
    assert "highest learning rate of the grid; a wider grid may do it more justice" in text
    assert found._repr_html_().count("<table") == 2
    assert repr(found) == "<Comparison of xavier, small, kaiming on toy>"


def test_a_rate_at_an_end_of_the_grid_is_a_note(found: Comparison) -> None:
    assert "small" in found.edges
    assert found.edges["small"] == ("0.1 is the highest learning rate of the grid; a wider grid may do it more justice")
    assert f"small: {found.edges['small']}" in found.notes
    assert set(found.verdicts.notes) <= set(found.notes)
    assert found.to_dict()["notes"] == list(found.notes)


def test_one_rate_has_no_end() -> None:
    assert run().edges == {}


def test_a_comparison_as_data_is_json(found: Comparison) -> None:
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert len(data["runs"]) == len(found.outcomes)
    assert data["power"]["possible"] is True
    assert data["experiment"]["strategies"].keys() == {"xavier", "small", "kaiming"}


def test_the_best_strategy_initializes_a_model(found: Comparison) -> None:
    model = build(0)
    decided = found.apply_best(model, seed=5)
    assert found.best in {"xavier", "kaiming"}
    assert decided.seed == 5
    assert initwise.verify(model, decided).ok
    assert decided.digest() == plan(model, found.best, seed=5).digest()


def test_best_is_the_reference_unless_something_is_found_better() -> None:
    assert run(strategies={"xavier": "xavier", "kaiming": "kaiming"}).best == "xavier"
    assert run(strategies={"big": BIG, "xavier": "xavier"}, racing=False).best == "xavier"


def test_two_seeds_of_one_strategy_are_never_found_different() -> None:
    def other(model: nn.Module, batches: Any, seed: int) -> Plan:
        return plan(model, "xavier", seed=seed + 1000)

    verdict = run(strategies={"xavier": "xavier", "other": other}, seeds=8).verdicts.of("other")
    assert verdict is not None
    assert verdict.verdict in {"equivalent", "undecided"}


def outcome(seed: int, curve: Any) -> Outcome:
    return Outcome(Cell("a", 0.1, seed), 1.0, 1.0, 1.0, None, diverged=False, steps=2, curve=curve)


def test_a_learning_curve_is_a_geometric_mean_with_an_interval_over_the_runs_that_live() -> None:
    curve = learning_curve("a", [outcome(0, ((1, 1.0), (2, 0.1))), outcome(1, ((1, 4.0), (2, None)))])
    assert curve.steps == (1, 2)
    assert curve.mean == pytest.approx((2.0, 0.1))
    assert curve.runs == (2, 1)
    assert curve.low[1] is None
    assert curve.low[0] is not None
    assert curve.low[0] < 2.0


# -------------------------------------------------------------------------------------------------------------- design


def design(**changes: Any) -> Design:
    return replace(Design(("a", "b"), (0.1, 1.0), seeds=2, tuning_seeds=2, racing=False, steps=9), **changes)


def ended(cell: Cell, loss: float | None) -> Outcome:
    return Outcome(cell, 1.0, loss, loss, None, diverged=loss is None, steps=9)


def test_a_rate_with_fewer_divergences_wins_then_the_lower_median_then_the_lower_rate() -> None:
    losses: dict[tuple[str, float], list[float | None]] = {
        ("a", 0.1): [0.9, 0.9],
        ("a", 1.0): [0.1, None],
        ("b", 0.1): [0.5, 0.5],
        ("b", 1.0): [0.5, 0.5],
    }
    cells = {
        Cell(name, rate, TUNING + place): loss
        for (name, rate), both in losses.items()
        for place, loss in enumerate(both)
    }
    outcomes = {cell: ended(cell, loss) for cell, loss in cells.items()}
    assert design().chosen(outcomes) == {"a": 0.1, "b": 0.1}
    assert design().deciding(outcomes, {"b": 1}) == [Cell("a", 0.1, 0), Cell("b", 0.1, 0), Cell("a", 0.1, 1)]


def test_a_strategy_waits_for_its_own_tuning_only() -> None:
    tuned = {cell: ended(cell, 0.5) for cell in design().tuning if cell.strategy == "a"}
    assert [cell.strategy for cell in design().deciding(tuned, {})] == ["a", "a"]
    assert design().most == 8 + 4
    assert replace(design(), rates=(0.1,)).tuning == []


# ------------------------------------------------------------------------------------------------- bad tasks, by name


@pytest.mark.parametrize(
    ("strategies", "options", "message"),
    [
        (["xavier"], {}, r"there is 1 \(xavier\); a comparison needs at least two"),
        ([], {}, "strategies: there is none; a comparison needs at least two"),
        (
            ["xavier", "kaiming"],
            {"storage": 5, "study": ""},
            r"storage is 5; give a path .*; study is ''; give",
        ),
        ({"one": "xavier", "two": "xavier"}, {}, r"'one' and 'two' decide the same .*equal plan digests"),
        (
            ["xavier", "kaiming"],
            {"seeds": 5, "test": "exact"},
            "with 5 seeds and 1 contender no difference can be significant; 6 are needed",
        ),
        (["xavier", "kaiming"], {"seeds": 5, "test": "exact"}, 'give seeds=6, test="t" .*or underpowered=True'),
        (["xavier", "kaiming"], {"seeds": 1}, "seeds is 1, and must be at least 2"),
        (["xavier", "kaiming"], {"budget": 0, "alpha": 2}, "budget is 0, .*alpha is 2, and must lie between 0 and 1"),
        (["xavier", "kaiming"], {"learning_rates": []}, "learning_rates is empty"),
        (
            ["xavier", "kaiming"],
            {"reference": "he"},
            "reference is 'he', and must be one of 'xavier', 'kaiming', 'best'",
        ),
        (["xavier", "kaiming"], {"workers": 0}, "workers is 0, and must be at least 1"),
        (["xavier", "vit-nope"], {}, "there is no strategy 'vit-nope'"),
    ],
)
def test_arguments_that_make_no_experiment_are_refused(strategies: Any, options: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        run(strategies=strategies, **options)


def test_few_seeds_may_be_run_all_the_same() -> None:
    few = run(seeds=2, underpowered=True, test="exact")
    assert not few.power.possible
    verdict = few.verdicts.of("kaiming")
    assert verdict is not None
    assert verdict.verdict == "undecided"


def resetting(parameters: Any, rate: float) -> torch.optim.Optimizer:
    held = list(parameters)
    with torch.no_grad():
        for parameter in held:
            parameter.copy_(torch.full_like(parameter, 0.1))
    return torch.optim.SGD(held, lr=rate)


class Elsewhere:
    """A loss of a model of its own."""

    def __init__(self) -> None:
        self.model: nn.Module | None = None

    def __call__(self, model: nn.Module, batch: Any) -> Tensor:
        torch.manual_seed(0)
        return loss(build(0), batch) + 0 * loss(model, batch)


class Forgetful:
    """Data that go on where the last call stopped."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, seed: int) -> Any:
        self.calls += 1
        generator = torch.Generator()
        generator.manual_seed(self.calls)
        batch = torch.randn(8, 4, generator=generator), torch.zeros(8, dtype=torch.long)
        return [batch], [batch]


class Noisy:
    """A loss with noise from nowhere."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, model: nn.Module, batch: Any) -> Tensor:
        self.calls += 1
        return loss(model, batch) * (1 + self.calls / 10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizer": resetting}, "the model ignores the plan: strategies 'xavier' and 'kaiming' decide differently"),
        ({"loss": Elsewhere()}, "the loss ignores the model: .* equal to the last digit"),
        ({"data": Forgetful()}, r"the data are not reproducible: batch 0 of data\(0\) was another"),
        ({"loss": Noisy()}, "the loss is not reproducible: .* when the same cell was run again"),
        (
            {"optimizer": lambda parameters, rate: torch.optim.SGD([torch.zeros(2, requires_grad=True)], lr=rate)},
            "the optimizer holds none of the model's parameters",
        ),
        (
            {"optimizer": lambda ps, rate: torch.optim.SGD([*ps, torch.zeros(2, requires_grad=True)], lr=rate)},
            "the optimizer holds 1 parameters that are not the model's",
        ),
        ({"loss": lambda model, batch: model(batch[0])}, "return a scalar tensor"),
        (
            {"optimizer": lambda parameters, rate: torch.optim.SGD(parameters, lr=0.0), "data": lambda seed: fixed()},
            "the training loss falls for no strategy: after 20 steps at learning rate 0.1 it is nowhere 1% below",
        ),
    ],
)
def test_a_task_that_cannot_be_compared_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        run(replace(FIXED, **change))


def fixed() -> Any:
    inputs, target = data(0)[1][0]
    return [(inputs, target)], [(inputs, target)]


def test_batches_of_unequal_losses_do_not_pass_for_learning() -> None:
    def uneven(seed: int) -> Any:
        inputs, target = data(0)[1][0]
        return [(inputs, target), (inputs, target)], [(inputs, target)]

    def falling(model: nn.Module, batch: Any) -> Tensor:
        calls["count"] += 1
        return loss(model, batch) * (2.0 if calls["count"] % 20 == 1 else 1.0)  # the first of 20 steps is the largest

    calls = {"count": 0}
    outcome = run_cell(
        replace(FIXED, data=uneven, loss=falling, learning_rates=(1e-12,)), XAVIER, Cell("xavier", 1e-12, 0), 20
    )
    assert outcome.training is not None
    assert outcome.start is not None
    assert outcome.training < 0.9 * outcome.start
    one = replace(outcome, again=outcome.start)
    assert not replace(design(), rates=(0.1,), strategies=("xavier",)).learns({Cell("xavier", 0.1, 0): one})


def test_what_the_optimizer_leaves_out_and_a_metric_that_is_not_finite_are_notes() -> None:
    odd = replace(
        FIXED,
        optimizer=lambda ps, rate: torch.optim.SGD(list(ps)[:3], lr=rate),
        metric=lambda model, batch: float("nan"),
    )
    notes = run(odd).notes
    assert "1 parameters want a gradient and are not in the optimizer: 3.bias" in notes
    assert "the metric was not finite in 12 of 12 runs that did not diverge" in notes


def test_validation_that_changes_between_two_calls_is_found() -> None:
    def drifting(seed: int) -> Any:
        calls["count"] += 1
        inputs, target = data(seed)[1][0]
        return data(seed)[0], [(inputs[calls["count"] :], target[calls["count"] :])]

    calls = {"count": 0}
    with pytest.raises(ArgumentError, match="validation is not reproducible: loss and metric before training are "):
        run(replace(FIXED, data=drifting))


def nowhere(model: nn.Module, batch: Any) -> float:
    """A metric with a fault, and a line to point to."""
    return 1 / len(batch[0][:0])


def misshapen(model: nn.Module, batch: Any) -> float:
    """A metric that gives the model something else than it takes."""
    return float(model(batch[0][:, 1:]).sum())


def test_a_fault_of_the_users_own_code_is_found_before_the_experiment_and_told_with_its_line() -> None:
    line = nowhere.__code__.co_firstlineno + 2
    with pytest.raises(
        CellError, match=rf"tried before .*: raised ZeroDivisionError: .* \(.*test_compare.py:{line}, in nowhere\)"
    ):
        run(replace(FIXED, metric=nowhere))
    with pytest.raises(CellError, match=r"raised RuntimeError: mat1 .* \(.*test_compare.py:\d+, in misshapen\)"):
        run(replace(FIXED, metric=misshapen))  # the error is raised in torch, and told with the line that led there


def test_a_model_whose_weights_a_strategy_only_keeps_is_a_duplicate() -> None:
    def frozen(seed: int) -> nn.Module:
        model = build(seed)
        for parameter in list(model.parameters())[:3]:
            parameter.requires_grad_(False)
        return model

    with pytest.raises(ArgumentError, match="decide the same for every parameter"):
        run(replace(FIXED, build=frozen))  # what is left is a bias, which is zero under both


def test_without_optuna_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    known = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "optuna" else known(name))
    with pytest.raises(NotSupportedError, match=r"compare: needs Optuna, .*pip install 'initwise\[compare\]'"):
        run()


# ------------------------------------------------------------------------------------------------------------ progress


def test_progress_says_how_far_it_is_and_how_long_it_takes(tmp_path: Path) -> None:
    from initwise.comparison import arranged

    experiment: Experiment = arranged(
        TOY, ["xavier", "kaiming"], seeds=6, budget=None, learning_rates=None, tuning_seeds=2, reference=None,
        racing=False, alpha=0.05, margin=None, test="exact", underpowered=False,
    )  # fmt: skip
    board = Board(str(tmp_path / "cells.journal"), "toy", experiment.design)
    cells = experiment.design.tuning
    board.enqueue(cells)
    for value in (0.5, None):
        taken = board.take(cells)
        assert taken is not None
        board.finish(taken, replace(ended(taken[1], value), seconds=10.0))
    line = Progress(experiment, 2, io.StringIO()).line(board)
    assert line == "compare toy: 2 of 20 runs, 1 diverged, about 2 min left"
    assert [span(0.2), span(59), span(600), span(9000)] == ["1 s", "59 s", "10 min", "2.5 h"]


def test_the_power_is_said_before_anything_runs(capsys: pytest.CaptureFixture[str]) -> None:
    run(progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("compare toy: with 6 seeds and 1 contender a difference of 1 noise is found with ")
    assert "12 runs of 20 steps (12 to decide), kept in .initwise/toy-" in lines[1]


def test_the_power_is_said_before_the_task_is_tried(capsys: pytest.CaptureFixture[str]) -> None:
    def missing(seed: int) -> nn.Module:
        raise OSError("no such disk")

    with pytest.raises(CellError, match="raised OSError: no such disk"):
        run(replace(FIXED, build=missing), progress=True)
    assert capsys.readouterr().err.startswith("compare toy: with 6 seeds and 1 contender")
