"""p-values: how probable draws of a law are that are at least so far off. They never say less than is true.

Exact for normal laws; elsewhere the bounds that `mean_interval` and `square_interval` solve, see there.
"""

from __future__ import annotations

import math

import numpy as np

from initwise.initializers import Law
from initwise.statistics._chernoff import chernoff_p
from initwise.statistics._intervals import MANY, is_strictly_subgaussian, radius_of, variance_of_square


def mean_p(law: Law, count: int, off: float) -> float:
    """Return the probability that the mean of `count` draws is `off` or more away from that of the law."""
    if off <= 0:
        return 1.0
    z = off * math.sqrt(count) / law.std
    radius = radius_of(law)
    if law.name == "normal":
        return normal_p(z)
    if is_strictly_subgaussian(law):
        return min(1.0, 2 * math.exp(-(z**2) / 2))
    if radius < math.inf:
        return min(_bernstein_p(law.std**2, radius, count, off), 2 * math.exp(-count * off**2 / (2 * radius**2)), 1.0)
    return _unbounded_p(z, count)


def square_p(law: Law, count: int, found: float) -> float:
    """Return the probability that the mean square of `count` draws, about `law.mean`, is as extreme as `found`."""
    variance, radius = law.std**2, radius_of(law)
    if law.name == "normal":
        return chi_square_p(count, found / variance)
    if law.cdf is not None and radius < math.inf:
        return min(1.0, 2 * chernoff_p(law, law.cdf, count, found / variance))
    spread = variance_of_square(law, radius)
    if radius < math.inf:
        return _bernstein_p(spread, max(radius**2 - variance, variance), count, abs(found - variance))
    return (
        _unbounded_p(abs(found - variance) * math.sqrt(count / spread), count) if spread else float(found == variance)
    )


def chi_square_p(count: int, ratio: float) -> float:
    """Return twice the smaller tail of the chi-square law with `count` degrees of freedom at `count * ratio`."""
    from scipy.special import chdtr, chdtrc

    return min(1.0, 2 * float(min(chdtr(count, count * ratio), chdtrc(count, count * ratio))))


def equal_p(law: Law, count: int, value: float, grain: float) -> float | None:
    """Return the probability that `count` draws all lie within `grain` of `value`; None for laws that do not say."""
    if law.cdf is None:
        return None
    below, above = law.cdf(np.array([value - grain, value + grain]))
    return float(min(1.0, above - below)) ** count


def normal_p(z: float) -> float:
    """Return the probability that a standard normal number is `z` or more away from 0.

    >>> round(normal_p(1.96), 3)
    0.05
    """
    return math.erfc(abs(z) / math.sqrt(2))


def _bernstein_p(variance: float, bound: float, count: int, off: float) -> float:
    if off <= 0:
        return 1.0
    return min(1.0, 2 * math.exp(-count * off**2 / (2 * (variance + bound * off / 3))))


def _unbounded_p(z: float, count: int) -> float:
    if z <= 0:
        return 1.0
    chebyshev = min(1.0, 1 / z**2)
    return min(chebyshev, normal_p(z / 1.5)) if count >= MANY else chebyshev
