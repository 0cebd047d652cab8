"""The intervals hold at any sample size: checked against simulation at a size where normal theory fails."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from initwise.fans import Fans
from initwise.initializers import Law, Target, XavierUniform
from initwise.statistics import mean_interval, square_interval

UNIFORM = Law(0.0, 1 / math.sqrt(3), (-1.0, 1.0), cdf=lambda x: (x + 1) / 2, fourth=0.2, name="uniform")
NORMAL = Law(mean=0.0, std=1.0, name="normal", fourth=3.0)
BOUNDED = Law(mean=0.0, std=1 / math.sqrt(3), support=(-1.0, 1.0))
LAPLACE = Law(mean=0.0, std=math.sqrt(2), fourth=24.0)
_SAMPLES = 100_000


def _draws(law: Law, count: int) -> np.ndarray:
    generator = np.random.default_rng(5)
    if law is NORMAL:
        return generator.normal(size=(_SAMPLES, count))
    if law is LAPLACE:
        return generator.laplace(size=(_SAMPLES, count))
    return generator.uniform(-1, 1, size=(_SAMPLES, count))


@pytest.mark.parametrize("law", [UNIFORM, NORMAL, BOUNDED, LAPLACE], ids=["uniform", "normal", "bounded", "laplace"])
@pytest.mark.parametrize("count", [1, 2, 5, 30, 120])
def test_the_error_rate_is_never_above_what_is_stated(law: Law, count: int) -> None:
    alpha, draws = 0.01, _draws(law, count)
    tolerated = alpha + 5 * math.sqrt(alpha * (1 - alpha) / _SAMPLES)
    low, high = mean_interval(law, count, alpha)
    mean = draws.mean(axis=1)
    assert np.mean((mean < low) | (mean > high)) <= tolerated
    interval = square_interval(law, count, alpha)
    square = (draws**2).mean(axis=1)
    assert np.mean((square < interval[0]) | (square > interval[1])) <= tolerated


def test_the_normal_intervals_are_exact() -> None:
    alpha, draws = 0.01, _draws(NORMAL, 5)
    square = (draws**2).mean(axis=1)
    interval = square_interval(NORMAL, 5, alpha)
    outside = np.mean((square < interval[0]) | (square > interval[1]))
    assert outside == pytest.approx(alpha, abs=5 * math.sqrt(alpha / _SAMPLES))


@pytest.mark.parametrize("law", [UNIFORM, NORMAL, BOUNDED])
def test_the_intervals_find_three_percent_at_a_real_weight_size(law: Law) -> None:
    interval = square_interval(law, 65_536, 1e-8)
    assert interval[1] < (1.03 * law.std) ** 2
    assert interval[0] > (0.97 * law.std) ** 2


def test_a_law_that_says_too_little_is_taken_to_have_a_kurtosis_of_nine() -> None:
    quiet, said = Law(mean=0.0, std=2.0), Law(mean=0.0, std=2.0, fourth=9.0 * 2.0**4)
    assert square_interval(quiet, 1000, 0.01) == square_interval(said, 1000, 0.01)


def test_squares_of_a_uniform_law_are_bounded_more_sharply_than_by_bernstein() -> None:
    law = XavierUniform().law(Target((8, 8), fans=Fans(8, 8)))
    assert law is not None
    low, high = square_interval(law, 64, 1e-6)
    loose = square_interval(replace(law, cdf=None), 64, 1e-6)
    assert 0.0 < loose[0] < low < law.std**2 < high < loose[1]
