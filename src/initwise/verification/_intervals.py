"""Intervals that hold the mean and the variance of n independent draws, at any n, with a stated error rate.

No interval here rests on "n is large enough":

- normal laws: the mean is exactly normal and the sum of squares exactly chi-square;
- uniform and symmetric truncated normal laws: their mean is strictly sub-Gaussian (Arbel, Marchal, Nguyen 2020), so
  Chernoff's bound holds with their own variance;
- other bounded laws: Hoeffding or Bernstein for the mean; Bernstein for the squares of all bounded laws (Boucheron, Lugosi,
  Massart 2013, sections 2.6 and 2.8);
- other laws with a known fourth moment: Chebyshev.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from initwise.initializers import Law

Interval = tuple[float, float]
_STRICTLY_SUBGAUSSIAN = frozenset({"uniform", "truncated normal"})


def mean_interval(law: Law, count: int, alpha: float) -> Interval:
    """Return the interval that holds the mean of `count` draws of `law`, but for a probability of `alpha`."""
    if is_normal(law):
        half = -NormalDist().inv_cdf(alpha / 2) * law.std / math.sqrt(count)
    elif law.name in _STRICTLY_SUBGAUSSIAN and math.isclose(law.support[1] - law.mean, law.mean - law.support[0]):
        half = law.std * math.sqrt(2 * math.log(2 / alpha) / count)
    elif (radius := _radius(law)) < math.inf:
        half = min(_bernstein(law.std**2, radius, count, alpha), radius * math.sqrt(2 * math.log(2 / alpha) / count))
    else:
        half = law.std / math.sqrt(count * alpha)
    return law.mean - half, law.mean + half


def square_interval(law: Law, count: int, alpha: float) -> Interval | None:
    """Return the interval that holds the mean squared distance from `law.mean`; None where too little is known."""
    variance, radius = law.std**2, _radius(law)
    if is_normal(law):
        from scipy.special import chdtri

        return variance * chdtri(count, 1 - alpha / 2) / count, variance * chdtri(count, alpha / 2) / count
    spread = _variance_of_square(law, radius)
    if spread is None:
        return None
    if radius < math.inf:
        half = _bernstein(spread, max(radius**2 - variance, variance), count, alpha)
    else:
        half = math.sqrt(spread / (count * alpha))
    return max(0.0, variance - half), variance + half


def is_normal(law: Law) -> bool:
    """Tell whether the law is exactly normal: unbounded, with the fourth moment 3 sigma^4."""
    return law.name == "normal"


def _radius(law: Law) -> float:
    return max(law.support[1] - law.mean, law.mean - law.support[0])


def _variance_of_square(law: Law, radius: float) -> float | None:
    variance = law.std**2
    if law.fourth is not None:
        return max(0.0, law.fourth - variance**2)
    return variance * max(0.0, radius**2 - variance) if radius < math.inf else None


def _bernstein(variance: float, bound: float, count: int, alpha: float) -> float:
    """Solve 2 exp(-n t^2 / (2 (variance + bound t / 3))) = alpha for t."""
    weight = math.log(2 / alpha) / count
    linear = bound * weight / 3
    return linear + math.sqrt(linear**2 + 2 * variance * weight)
