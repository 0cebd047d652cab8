"""Divergence as an outcome, and summaries that know it."""

from __future__ import annotations

import pytest
from scipy import stats

from initwise.comparison.statistics import (
    Losses,
    clopper_pearson,
    divergences,
    diverges_alone,
    improvement,
    interquartile_mean,
    mcnemar,
)
from initwise.errors import ArgumentError


def test_clopper_pearson_agrees_with_scipy_and_closes_at_the_ends() -> None:
    for successes in range(9):
        expected = stats.binomtest(successes, 8).proportion_ci(0.99, method="exact")
        assert clopper_pearson(successes, 8, 0.01) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert clopper_pearson(0, 10) == pytest.approx((0.0, 0.3084971), abs=1e-7)  # 1 - 0.025^(1/10)


def test_every_strategy_has_its_divergences_counted() -> None:
    found = divergences(Losses.of({"a": [1.0, None, None, 1.0], "b": [1.0, 1.0]}))
    assert [(each.strategy, each.diverged, each.runs) for each in found] == [("a", 2, 4), ("b", 0, 2)]
    assert found[0].interval == clopper_pearson(2, 4)
    assert found[1].to_dict() == {"strategy": "b", "diverged": 0, "runs": 2, "interval": clopper_pearson(0, 2)}


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"clopper_pearson: successes is 3, more than the 2 trials; level is 1\.5"):
        clopper_pearson(3, 2, 1.5)


def test_mcnemars_exact_test_agrees_with_scipys_binomial() -> None:
    for one, other in [(0, 5), (3, 9), (4, 4), (12, 1)]:
        assert mcnemar(one, other) == pytest.approx(stats.binomtest(one, one + other).pvalue)
    assert mcnemar(0, 0) == 1.0


def test_diverging_alone_has_at_most_a_quarter_on_each_seed() -> None:
    assert diverges_alone(0, 6) == 1.0
    assert diverges_alone(3, 3) == pytest.approx(1 / 64)
    assert diverges_alone(2, 6) == pytest.approx(stats.binom.sf(1, 6, 0.25))


@pytest.mark.parametrize("count", [8, 9, 11, 16])
def test_the_interquartile_mean_agrees_with_scipys_trimmed_mean(count: int) -> None:
    row = stats.norm.rvs(size=count, random_state=count).tolist()
    assert interquartile_mean(row).value == pytest.approx(stats.trim_mean(row, 0.25))


def test_below_eight_seeds_there_is_no_interquartile_mean() -> None:
    found = interquartile_mean([1.0] * 7)
    assert found.to_dict() == {"value": None, "reason": "7 seeds, and a middle half needs at least 8"}


def test_a_quarter_of_divergences_is_trimmed_and_more_is_not() -> None:
    assert interquartile_mean([1.0, 1.0, 2.0, 2.0, 2.0, 2.0, None, None]).value == 2.0
    assert interquartile_mean([1.0, 1.0, 2.0, 2.0, 2.0, None, None, None]).reason.startswith("more than a quarter")


def test_improvement_counts_seeds_with_ties_half_and_divergence_worst() -> None:
    losses = Losses.of({"a": [1.0, 1.0, None, 1.0, None], "b": [0.5, 1.0, 3.0, None, None]})
    found = improvement(losses, "b", "a")
    assert found.value == (2 + 2 / 2) / 5
    assert found.interval == (clopper_pearson(2, 5)[0], clopper_pearson(4, 5)[1])
    assert found.to_dict()["seeds"] == 5
