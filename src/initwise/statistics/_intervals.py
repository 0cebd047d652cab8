"""Intervals that hold the mean and the mean square of n independent draws, but for a stated probability.

- Normal laws: the mean is exactly normal, and the sum of squares exactly chi-square.
- Bounded laws: Chernoff's bound, which holds at any n. The mean of uniform and of symmetric truncated normal laws is
  strictly sub-Gaussian (Arbel, Marchal, Nguyen 2020), so it needs only their variance; squares take the moment
  generating function of the law itself, from its distribution function; where that is unknown, Bernstein's inequality
  stands in (Boucheron, Lugosi, Massart 2013, section 2.8).
- Other laws: Chebyshev's inequality, or from 100 values on 1.5 times the normal approximation if that is narrower.
  Where a law declares no fourth moment, a kurtosis of 9 is assumed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from initwise.initializers import Law

Interval = tuple[float, float]
Array = NDArray[np.float64]
Cdf = Callable[[Array], Array]
_STRICTLY_SUBGAUSSIAN = frozenset({"uniform", "truncated normal"})
_KURTOSIS = 9.0
_MANY = 100
_CELLS = 4096


def mean_interval(law: Law, count: int, alpha: float) -> Interval:
    """Return the interval that holds the mean of `count` draws of `law`, but for a probability of `alpha`."""
    if law.name == "normal":
        half = _quantile(alpha) * law.std / math.sqrt(count)
    elif law.name in _STRICTLY_SUBGAUSSIAN and math.isclose(law.support[1] - law.mean, law.mean - law.support[0]):
        half = law.std * math.sqrt(2 * math.log(2 / alpha) / count)
    elif (radius := _radius(law)) < math.inf:
        half = min(_bernstein(law.std**2, radius, count, alpha), radius * math.sqrt(2 * math.log(2 / alpha) / count))
    else:
        half = _unbounded(law.std, count, alpha)
    return law.mean - half, law.mean + half


def square_interval(law: Law, count: int, alpha: float) -> Interval:
    """Return the interval that holds the mean squared distance from `law.mean`, but for a probability of `alpha`."""
    variance, radius = law.std**2, _radius(law)
    if law.name == "normal":
        from scipy.special import chdtri

        return variance * chdtri(count, 1 - alpha / 2) / count, variance * chdtri(count, alpha / 2) / count
    if law.cdf is not None and radius < math.inf:
        low, high = _chernoff(law, law.cdf, count, alpha)
        return variance * low, variance * high
    spread = _variance_of_square(law, radius)
    if radius < math.inf:
        half = _bernstein(spread, max(radius**2 - variance, variance), count, alpha)
    else:
        half = _unbounded(math.sqrt(spread), count, alpha)
    return max(0.0, variance - half), variance + half


def _quantile(alpha: float) -> float:
    return -NormalDist().inv_cdf(alpha / 2)


def _radius(law: Law) -> float:
    return max(law.support[1] - law.mean, law.mean - law.support[0])


def _variance_of_square(law: Law, radius: float) -> float:
    variance = law.std**2
    if law.fourth is not None:
        return max(0.0, law.fourth - variance**2)
    return variance * max(0.0, radius**2 - variance) if radius < math.inf else (_KURTOSIS - 1) * variance**2


def _unbounded(std: float, count: int, alpha: float) -> float:
    chebyshev = std / math.sqrt(count * alpha)
    return min(chebyshev, 1.5 * _quantile(alpha) * std / math.sqrt(count)) if count >= _MANY else chebyshev


def _bernstein(variance: float, bound: float, count: int, alpha: float) -> float:
    """Solve 2 exp(-n t^2 / (2 (variance + bound t / 3))) = alpha for t."""
    weight = math.log(2 / alpha) / count
    linear = bound * weight / 3
    return linear + math.sqrt(linear**2 + 2 * variance * weight)


def _chernoff(law: Law, cdf: Cdf, count: int, alpha: float) -> Interval:
    """Chernoff's bounds on the mean of y = ((x - mean) / std)^2.

    With K(t) = log E exp(t y) and r = log(2 / alpha) / n: the mean is at most the least (K(t) + r) / t over t > 0, and
    at least the largest such value over t < 0, but for alpha / 2 each.
    """
    squares, weights = _distribution_of_square(law, cdf)
    rate = math.log(2 / alpha) / count
    spread = max(float(weights @ squares**2) - 1.0, 1e-12)
    t = math.sqrt(2 * rate / spread) * np.logspace(-1.5, 2.5, 120)
    return max(0.0, float(np.max(_bounds(-t, rate, squares, weights)))), float(
        np.min(_bounds(t, rate, squares, weights))
    )


def _bounds(t: Array, rate: float, squares: Array, weights: Array) -> Array:
    exponents = np.outer(t, squares)
    top = exponents.max(axis=1)
    result: Array = (np.log(np.exp(exponents - top[:, None]) @ weights) + top + rate) / t
    return result


@lru_cache(maxsize=256)
def _distribution_of_square(law: Law, cdf: Cdf) -> tuple[Array, Array]:
    """Return y = ((x - mean) / std)^2 at the middle of many cells of the support, and the cells' probabilities."""
    edges = np.linspace(*law.support, _CELLS + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    weights = np.diff(cdf(edges))
    return ((middles - law.mean) / law.std) ** 2, weights / weights.sum()
