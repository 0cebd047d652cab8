"""Moments of cut normal laws, against closed forms, published constants, and SciPy."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from initwise.errors import ArgumentError
from initwise.moments import truncated, truncated_probability, truncated_std


@pytest.mark.parametrize(
    ("bound", "std"), [(1.0, 0.53956009375), (2.0, 0.87962566103423978), (3.0, 0.98657839255810862)]
)
def test_the_std_within_bounds_is_the_published_one(bound: float, std: float) -> None:
    assert truncated_std(bound) == pytest.approx(std, rel=1e-11)


def test_the_constant_of_two_sigmas_is_right_to_the_last_digits() -> None:
    assert truncated_std(2.0) == pytest.approx(0.87962566103423978, rel=1e-15)


@pytest.mark.parametrize("bounds", [(-2.0, 2.0), (-1.0, 3.0), (0.5, 0.7), (2.0, 9.0), (-math.inf, 0.0), (-3.0, -2.0)])
def test_moments_agree_with_scipy(bounds: tuple[float, float]) -> None:
    found, law = truncated(*bounds), stats.truncnorm(*bounds)
    fourth = law.expect(lambda x: (x - law.mean()) ** 4, epsabs=1e-14, epsrel=1e-12)
    assert found.mean == pytest.approx(law.mean(), rel=1e-10)
    assert found.std == pytest.approx(law.std(), rel=1e-8)
    assert found.fourth == pytest.approx(fourth, rel=1e-7)


def test_no_bounds_leave_the_normal_law() -> None:
    whole = truncated(-math.inf, math.inf)
    assert whole.mean == pytest.approx(0.0, abs=1e-15)
    assert (whole.std, whole.fourth) == pytest.approx((1.0, 3.0), rel=1e-13)


def test_half_of_the_normal_law_has_its_closed_form() -> None:
    half = truncated(0.0, math.inf)
    assert half.mean == pytest.approx(math.sqrt(2 / math.pi), rel=1e-14)
    assert half.std == pytest.approx(math.sqrt(1 - 2 / math.pi), rel=1e-14)


@pytest.mark.parametrize("width", [1e-3, 1e-7])
def test_narrow_intervals_are_flat_and_lose_no_digits(width: float) -> None:
    found = truncated(1.0, 1.0 + width)
    assert found.std == pytest.approx(width / math.sqrt(12), rel=1e-6)
    assert found.mean - 1.0 == pytest.approx(width / 2 * (1 - width / 6), rel=1e-5)


def test_far_tails_are_exponential() -> None:
    found = truncated(30.0, math.inf)
    # Mills' ratio: E[x] - a = 1/a - 2/a^3 + 10/a^5 - ...
    assert found.mean - 30.0 == pytest.approx(1 / 30 - 2 / 30**3 + 10 / 30**5, rel=1e-6)


def test_probabilities_keep_their_digits_in_the_tail() -> None:
    assert truncated_probability(-1.0, 1.0) == pytest.approx(0.6826894921370859, rel=1e-14)
    assert truncated_probability(10.0, 11.0) == pytest.approx(stats.norm.sf(10) - stats.norm.sf(11), rel=1e-12)
    assert truncated_probability(-11.0, -10.0) == truncated_probability(10.0, 11.0)


@pytest.mark.parametrize("bounds", [(1.0, 1.0), (2.0, -2.0), (math.nan, 1.0)])
def test_bounds_in_the_wrong_order_are_refused(bounds: tuple[float, float]) -> None:
    with pytest.raises(ArgumentError, match="low must be below high"):
        truncated(*bounds)
