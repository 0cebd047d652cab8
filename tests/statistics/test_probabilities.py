"""p-values are what the intervals solve, and never smaller than the truth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from initwise.initializers import Law, Target, TimeStepBias
from initwise.statistics import equal_p, holm, mean_interval, mean_p, square_interval, square_p
from initwise.statistics._chernoff import squares_of
from tests.statistics.test_intervals import BOUNDED, LAPLACE, NORMAL, UNIFORM

LAWS = {"normal": NORMAL, "uniform": UNIFORM, "bounded": BOUNDED, "heavy": LAPLACE}
TILTED = replace(UNIFORM, mean=0.2, std=0.6, support=(-1.0, 1.5), cdf=None, name="")


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("count", [1, 7, 300, 10**6])
def test_at_the_ends_of_the_interval_the_p_value_is_the_level(name: str, count: int) -> None:
    law, alpha = LAWS[name], 1e-4
    low, high = mean_interval(law, count, alpha)
    assert mean_p(law, count, high - law.mean) == pytest.approx(alpha, rel=1e-6)
    below, above = square_interval(law, count, alpha)
    for end in {above, below} - {0.0}:
        # the interval takes the best of a few t, the p-value the best of all
        possible = end <= max(law.support) ** 2  # of one draw the bound lies beyond
        assert 0.8 * alpha * possible <= square_p(law, count, end) <= 1.001 * alpha
    assert low < law.mean < high


@pytest.mark.parametrize("law", [UNIFORM, BOUNDED, NORMAL], ids=["uniform", "bounded", "normal"])
@pytest.mark.parametrize("count", [2, 20, 200])
def test_p_values_are_never_smaller_than_what_happens(law: Law, count: int) -> None:
    generator = np.random.default_rng(2)
    samples = 20_000
    draws = generator.normal(size=(samples, count)) if law is NORMAL else generator.uniform(-1, 1, (samples, count))
    for p in (
        [mean_p(law, count, abs(mean)) for mean in draws.mean(axis=1)],
        [square_p(law, count, square) for square in (draws**2).mean(axis=1)],
    ):
        for level in (0.1, 0.01, 0.001):
            assert np.mean(np.array(p) <= level) <= level + 5 * math.sqrt(level / samples)


def test_the_normal_law_has_exact_p_values() -> None:
    assert mean_p(NORMAL, 25, 0.4) == pytest.approx(2 * stats.norm.sf(2.0), rel=1e-9)
    assert square_p(NORMAL, 25, 1.5) == pytest.approx(2 * stats.chi2.sf(37.5, 25), rel=1e-9)
    assert square_p(NORMAL, 25, 0.5) == pytest.approx(2 * stats.chi2.cdf(12.5, 25), rel=1e-9)


def test_impossible_values_have_next_to_no_probability_and_expected_ones_all() -> None:
    assert square_p(UNIFORM, 30, 0.0) < 1e-30
    assert square_p(UNIFORM, 30, 1.0) < 1e-10
    for law in (*LAWS.values(), TILTED):
        assert mean_p(law, 50, 0.0) == 1.0
        assert square_p(law, 50, law.std**2) == pytest.approx(1.0, abs=0.2)


def test_a_tilted_bounded_law_takes_the_better_of_two_bounds() -> None:
    bernstein = 2 * math.exp(-400 * 0.01 / (2 * (0.36 + 1.3 * 0.1 / 3)))
    assert mean_p(TILTED, 400, 0.1) == pytest.approx(bernstein)


def test_an_atom_at_the_lower_end_keeps_its_probability() -> None:
    law = TimeStepBias(floor=1e-2).law(Target((8,)))
    assert law is not None
    assert law.cdf is not None
    squares, weights = squares_of(law, law.cdf)
    assert weights[0] == pytest.approx(0.5, abs=1e-6)  # half of ln U(0.001, 0.1) lies below 0.01
    assert float(weights @ squares) == pytest.approx(1.0, abs=1e-5)


def test_that_all_draws_are_one_value_is_as_probable_as_the_atom_says() -> None:
    law = TimeStepBias(floor=1e-2).law(Target((8,)))
    assert law is not None
    assert equal_p(law, 4, law.support[0], 1e-7) == pytest.approx(0.5**4, rel=1e-4)
    assert equal_p(NORMAL.__class__(0.0, 1.0), 4, 0.0, 1e-7) is None
    assert equal_p(UNIFORM, 3, 0.25, 1e-7) == pytest.approx(1e-21)


def test_holm_multiplies_by_what_is_left_and_keeps_the_order() -> None:
    assert holm([0.01, 0.2, 0.001, 0.04]) == pytest.approx([0.03, 0.2, 0.004, 0.08])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
