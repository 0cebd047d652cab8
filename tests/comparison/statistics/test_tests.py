"""Tests of paired differences, against published answers and scipy's."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from initwise.comparison.statistics import sign_flip, t_interval, t_power, t_test, tost_power
from initwise.comparison.statistics._flips import sign_flips

# Darwin's maize, crossed minus self-fertilised, in eighths of an inch: Fisher, The Design of Experiments, 1935.
MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
# Hours of sleep gained: Student, The probable error of a mean, 1908; R's `sleep`, where t = -4.0621, p = 0.002833.
SLEEP = [-1.2, -2.4, -1.3, -1.3, 0.0, -1.0, -1.8, -0.8, -4.6, -1.4]


def test_sign_flips_of_darwins_maize_are_as_fisher_counted_them() -> None:
    assert sign_flip(MAIZE, "greater") == 863 / 2**15  # 835 sums above 314, and 28 equal to it
    assert sign_flip(MAIZE) == 2 * 863 / 2**15
    assert sign_flip([-each for each in MAIZE], "less") == 863 / 2**15


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10])
def test_sign_flips_agree_with_counting_every_pattern(count: int) -> None:
    values = np.random.default_rng(count).standard_normal(count) + 0.4
    sums = np.array(list(itertools.product((-1, 1), repeat=count))) @ values
    assert sign_flip(values.tolist()) == np.mean(np.abs(sums) >= abs(values.sum()) - 1e-12)
    assert sign_flip(values.tolist(), "less") == np.mean(sums <= values.sum() + 1e-12)


def test_sign_flips_agree_with_scipys_permutation_test() -> None:
    values = np.random.default_rng(0).standard_normal(9) + 0.7
    for side in ("two-sided", "greater", "less"):
        found = stats.permutation_test(
            (values,), np.mean, permutation_type="samples", n_resamples=10_000, alternative=side
        )
        assert sign_flip(values.tolist(), side) == pytest.approx(found.pvalue, abs=1e-12)


@pytest.mark.parametrize("count", [1, 2, 3, 8, 13])
def test_sign_flips_of_many_experiments_at_once_are_those_of_each(count: int) -> None:
    rows = np.random.default_rng(count).standard_normal((300, count)) + 0.7
    rows[:9] = np.round(rows[:9])  # ties, and zeros
    assert sign_flips(rows).tolist() == [sign_flip(row.tolist()) for row in rows]
    assert sign_flips(rows[:0]).size == 0


def test_sums_that_differ_only_by_rounding_are_ties() -> None:
    assert sign_flip([0.1, 0.2, 0.3, 0.3, 0.2, 0.1]) == 2 / 2**6
    assert sign_flip([0.1, 0.2, -0.3]) == 1.0
    assert sign_flip([0.0, 0.0]) == 1.0


def test_beyond_32_differences_patterns_are_sampled_and_agree_with_the_exact_count() -> None:
    values = np.random.default_rng(3).standard_normal(32) + 0.3
    exact, sampled = sign_flip(values.tolist()), sign_flip([*values.tolist(), 0.0])
    assert sampled == pytest.approx(exact, abs=5 * math.sqrt(exact / 2**16))
    assert sign_flip([*values.tolist(), 0.0]) == sampled
    assert sign_flip([1.0] * 60) == 2 / 2**16


def test_the_paired_t_test_of_students_sleep_is_as_r_prints_it() -> None:
    assert t_test(SLEEP) == pytest.approx(0.002833, abs=5e-7)
    assert t_interval(SLEEP, 0.05) == pytest.approx((-2.4598858, -0.7001142), abs=1e-7)


def test_the_t_test_agrees_with_scipy_on_every_side() -> None:
    for side in ("two-sided", "greater", "less"):
        expected = stats.ttest_1samp(SLEEP, 0.0, alternative=side).pvalue
        assert t_test(SLEEP, side) == pytest.approx(expected, rel=1e-9)


def test_differences_without_spread_have_no_t() -> None:
    assert t_test([0.3, 0.3, 0.3]) is None
    assert t_test([0.1 + 0.2, 0.3]) is None
    assert t_test([1.0]) is None
    assert t_interval([1.0], 0.05) is None


@pytest.mark.parametrize(("ratio", "needed"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_power_is_that_of_cohens_tables(ratio: float, needed: int) -> None:
    # Paired t, two-sided 5 %, power 80 %: G*Power 3, and power.t.test of R (198.2, 33.4, 14.3).
    assert float(t_power(needed - 1, ratio, 0.05)) < 0.8 <= float(t_power(needed, ratio, 0.05))


def test_power_far_out_is_one_and_never_nan() -> None:
    assert t_power([2, 3, 5, 1000, 10**6], 50.0, 1e-4)[2:].tolist() == pytest.approx([1.0] * 3, abs=1e-3)
    assert t_power([1, 8], 3.0, [0.05, 0.0]).tolist() == [0.0, 0.0]
    assert np.isfinite(t_power(np.arange(2, 5000), 0.7, 0.01)).all()
    assert np.isfinite(t_power(8, np.pi * 1e5, 0.01))


@pytest.mark.parametrize(("seeds", "ratio", "margin"), [(12, 0.0, 1.2), (20, 0.3, 1.0), (12, 0.0, 0.9)])
def test_power_of_equivalence_agrees_with_a_simulation(seeds: int, ratio: float, margin: float) -> None:
    draws = np.random.default_rng(7).standard_normal((20_000, seeds)) + ratio
    upper = stats.ttest_1samp(draws, margin, axis=1, alternative="less").pvalue
    lower = stats.ttest_1samp(draws, -margin, axis=1, alternative="greater").pvalue
    found = np.mean(np.maximum(upper, lower) <= 0.05)
    assert float(tost_power(seeds, ratio, margin, 0.05)) == pytest.approx(found, abs=0.02)


def test_a_difference_as_large_as_the_margin_is_never_expected_to_be_found_equivalent() -> None:
    assert tost_power([10, 100], 0.5, 0.5, 0.05).tolist() == [0.0, 0.0]
