"""Student's t for paired differences: test, interval, and the power of both from the noncentral law."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initwise.comparison.statistics._flips import Side

_NORMAL = 30.0  # noncentralities beyond which scipy's noncentral law loses digits, and the power is one or nought


def spread(differences: Sequence[float]) -> float:
    """Return the standard deviation with n - 1; zero where all are equal but for rounding, and for fewer than two."""
    count = len(differences)
    if count < 2:
        return 0.0
    mean = math.fsum(differences) / count
    found = math.sqrt(math.fsum((each - mean) ** 2 for each in differences) / (count - 1))
    return found if found > 1e-12 * max(map(abs, differences)) else 0.0


def t_test(differences: Sequence[float], side: Side = "two-sided") -> float | None:
    """Return the p-value of t = mean / (std / sqrt(n)) with n - 1 degrees of freedom; None where the spread is zero.

    Student's own data (1908), hours of sleep gained with two drugs by ten patients:

    >>> t_test([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])  # doctest: +ELLIPSIS
    0.00283...
    """
    from scipy.special import stdtr

    deviation, count = spread(differences), len(differences)
    if not deviation:
        return None
    t = math.fsum(differences) / count / deviation * math.sqrt(count)
    if side == "two-sided":
        return float(2 * stdtr(count - 1, -abs(t)))
    return float(stdtr(count - 1, -t if side == "greater" else t))


def t_interval(differences: Sequence[float], level: float) -> tuple[float, float] | None:
    """Return the two-sided interval mean ± t std / sqrt(n) that misses with a probability `level`; None for n < 2.

    >>> low, high = t_interval([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4], 0.05)
    >>> round(low, 4), round(high, 4)
    (0.7001, 2.4599)
    """
    from scipy.special import stdtrit

    count = len(differences)
    if count < 2:
        return None
    half = -float(stdtrit(count - 1, level / 2)) * spread(differences) / math.sqrt(count)
    mean = float(np.mean(differences))
    return mean - half, mean + half


def t_power(seeds: Any, ratio: float, level: Any) -> NDArray[np.float64]:
    """Return the probability that a two-sided paired t test finds a difference, and with its true sign.

    `ratio` is the true difference in standard deviations of the paired differences; seeds and levels may be arrays.

    >>> round(float(t_power(34, 0.5, 0.05)), 3)  # Cohen 1988; G*Power 3: n = 34 for 80 %
    0.808
    """
    return _beyond(np.asarray(seeds, np.float64), abs(ratio), np.asarray(level, np.float64) / 2)


def tost_power(seeds: Any, ratio: float, margin: float, level: Any) -> NDArray[np.float64]:
    """Return a lower bound on the probability that two one-sided t tests find |difference| < margin (Schuirmann 1987).

    Each one finds it on its side; both do with at least the sum of the two, less one. `ratio` and `margin` are in
    standard deviations of the paired differences.
    """
    counts, levels = np.asarray(seeds, np.float64), np.asarray(level, np.float64)
    if abs(ratio) >= margin:
        return np.zeros(np.broadcast_shapes(counts.shape, levels.shape))
    near, far = (_beyond(counts, margin + sign * abs(ratio), levels) for sign in (-1, 1))
    return np.maximum(0.0, near + far - 1.0)


def _beyond(counts: NDArray[np.float64], ratio: float, levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(t > its critical value) where t has the noncentrality ratio * sqrt(n)."""
    from scipy.special import nctdtr, ndtr, stdtrit

    freedom, centre = np.maximum(counts - 1, 1), ratio * np.sqrt(counts)
    critical = -stdtrit(freedom, np.clip(levels, 1e-12, 0.5))
    exact = 1.0 - nctdtr(freedom, np.minimum(centre, _NORMAL), critical)
    # The normal approximation of Abramowitz and Stegun 26.7.10, for what the series cannot do.
    scaled = critical * (1 - 1 / (4 * freedom)) - centre
    rough = ndtr(-scaled / np.sqrt(1 + critical**2 / (2 * freedom)))
    usable = np.isfinite(exact) & (centre <= _NORMAL)
    found = np.where((counts < 2) | (levels <= 0), 0.0, np.where(usable, exact, rough))
    return np.clip(found, 0.0, 1.0)
