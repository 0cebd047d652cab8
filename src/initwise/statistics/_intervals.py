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
from statistics import NormalDist

from initwise.initializers import Law
from initwise.statistics._chernoff import chernoff_interval

Interval = tuple[float, float]
_STRICTLY_SUBGAUSSIAN = frozenset({"uniform", "truncated normal"})
_KURTOSIS = 9.0
MANY = 100  # values from which on 1.5 times the normal approximation is trusted


def mean_interval(law: Law, count: int, alpha: float) -> Interval:
    """Return the interval that holds the mean of `count` draws of `law`, but for a probability of `alpha`."""
    if law.name == "normal":
        half = _quantile(alpha) * law.std / math.sqrt(count)
    elif is_strictly_subgaussian(law):
        half = law.std * math.sqrt(2 * math.log(2 / alpha) / count)
    elif (radius := radius_of(law)) < math.inf:
        half = min(_bernstein(law.std**2, radius, count, alpha), radius * math.sqrt(2 * math.log(2 / alpha) / count))
    else:
        half = _unbounded(law.std, count, alpha)
    return law.mean - half, law.mean + half


def square_interval(law: Law, count: int, alpha: float) -> Interval:
    """Return the interval that holds the mean squared distance from `law.mean`, but for a probability of `alpha`."""
    variance, radius = law.std**2, radius_of(law)
    if law.name == "normal":
        from scipy.special import chdtri

        return variance * chdtri(count, 1 - alpha / 2) / count, variance * chdtri(count, alpha / 2) / count
    if law.cdf is not None and radius < math.inf:
        low, high = chernoff_interval(law, law.cdf, count, alpha)
        return variance * low, variance * high
    spread = variance_of_square(law, radius)
    if radius < math.inf:
        half = _bernstein(spread, max(radius**2 - variance, variance), count, alpha)
    else:
        half = _unbounded(math.sqrt(spread), count, alpha)
    return max(0.0, variance - half), variance + half


def _quantile(alpha: float) -> float:
    return -NormalDist().inv_cdf(alpha / 2)


def is_strictly_subgaussian(law: Law) -> bool:
    """Tell whether the mean of draws is bounded as that of normal ones with the same variance."""
    symmetric = math.isclose(law.support[1] - law.mean, law.mean - law.support[0])
    return law.name in _STRICTLY_SUBGAUSSIAN and symmetric


def radius_of(law: Law) -> float:
    """Return the largest distance of a value from the mean."""
    return max(law.support[1] - law.mean, law.mean - law.support[0])


def variance_of_square(law: Law, radius: float) -> float:
    """Return the variance of the squared distance from the mean, or a bound on it."""
    variance = law.std**2
    if law.fourth is not None:
        return max(0.0, law.fourth - variance**2)
    return variance * max(0.0, radius**2 - variance) if radius < math.inf else (_KURTOSIS - 1) * variance**2


def _unbounded(std: float, count: int, alpha: float) -> float:
    chebyshev = std / math.sqrt(count * alpha)
    return min(chebyshev, 1.5 * _quantile(alpha) * std / math.sqrt(count)) if count >= MANY else chebyshev


def _bernstein(variance: float, bound: float, count: int, alpha: float) -> float:
    """Solve 2 exp(-n t^2 / (2 (variance + bound t / 3))) = alpha for t."""
    weight = math.log(2 / alpha) / count
    linear = bound * weight / 3
    return linear + math.sqrt(linear**2 + 2 * variance * weight)
