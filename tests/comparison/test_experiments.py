"""The parts of `make bench-experiments`, so that it cannot rot: twins are twins, and the page marks what is wrong."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch

pytest.importorskip("optuna", reason="Optuna, the engine of comparisons, is not installed")
pytest.importorskip("sklearn", reason="scikit-learn carries the digits")

from benchmarks.experiments import report
from benchmarks.experiments.twins import SETTINGS, Elsewhere, Told, Twin, told
from benchmarks.experiments.whole import Case, Found
from initwise.comparison import builtin
from initwise.writing import apply


def test_twins_have_one_law_and_no_weights_in_common() -> None:
    task = builtin("digits-mlp")
    models = [task.build(0) for _ in range(2)]
    plans = [Twin("kaiming", number)(model, [], seed=3) for number, model in enumerate(models)]
    for model, decided in zip(models, plans, strict=True):
        apply(model, decided)
    one, other = (next(model.parameters()) for model in models)
    assert not torch.equal(one, other)
    assert [row.law for row in plans[0].rows] == [row.law for row in plans[1].rows]


def test_no_two_repetitions_see_the_data_in_one_order() -> None:
    task = builtin("digits-mlp")
    first = [next(iter(Elsewhere(task, number)(0)[0]))[1] for number in (0, 1)]
    assert not torch.equal(*first)


def test_an_experiment_on_twins_comes_to_a_verdict() -> None:
    found = told("quick", {**SETTINGS[0][1], "seeds": 6, "budget": 5}, rounds=1, first=0)
    assert sum(found.verdicts.values()) == 1
    assert "none" not in found.verdicts


def test_a_rate_of_wrong_verdicts_has_its_interval() -> None:
    found = Told("tuned", Counter(undecided=17, equivalent=1, better=1, worse=1), 3, 1, 61.0)
    assert report.twins(found) == "| tuned | 20 | 1 | 17 | 2 | 10% (1% to 32%) | 61 s | 3 | 1 |"


def result(verdict: str) -> dict[str, Any]:
    """What a comparison of two strategies would have written."""
    runs = [
        {"cell": {"strategy": name, "rate": 0.1, "seed": seed}, "validation": loss + seed, "diverged": False}
        for name, loss in (("a", 1.0), ("b", 2.0))
        for seed in (0, 1, 2, 1_000_000)
    ]
    said = {"strategy": "b", "verdict": verdict, "reason": "p 0.01", "improvement": {"value": 0.0}}
    fates = [{"strategy": name, "diverged": 0, "runs": 3} for name in ("a", "b")]
    return {
        "experiment": {"seeds": 3, "steps": 9},
        "learning_rates": {"a": 0.1, "b": 0.1},
        "runs": runs,
        "verdicts": {"contenders": [said], "divergences": fates},
    }


@pytest.mark.parametrize(("verdict", "cell"), [("worse", "**worse**"), ("better", "**better** (worse was expected)")])
def test_a_verdict_that_was_not_expected_is_marked(verdict: str, cell: str) -> None:
    found = Found(Case("b loses", "toy", ("a", "b"), {"b": "worse"}), 181.0, result(verdict))
    assert found.as_expected == (verdict == "worse")
    assert list(report.experiment(found))[-2:] == [
        "| a | reference | 0.1 | 2 | 0 of 3 |  |  |",
        f"| b | {cell} | 0.1 | 3 | 0 of 3 | 0% | p 0.01 |",
    ]
    right = "yes" if verdict == "worse" else "**no**"
    assert report.summary(found) == f"| toy: b loses | 181 s | **no** | 8 | {right} |"
