"""Chernoff's bounds on the mean of y = ((x - mean) / std)^2 over independent draws x of a bounded law.

With K(t) = log E exp(t y), the mean of n values is at most s but for a probability of exp(-n (t s - K(t))), for each
t > 0; and at least s, for each t < 0. Every t gives a bound, so an approximate optimum is as true as the exact one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from initwise.initializers import Law

Array = NDArray[np.float64]
Cdf = Callable[[Array], Array]
_CELLS = 1024
_STEPS = 12
_FEW = 4096


@lru_cache(maxsize=4096)
def chernoff_interval(law: Law, cdf: Cdf, count: int, alpha: float) -> tuple[float, float]:
    """Return bounds that hold the mean of `count` values y, but for a probability of `alpha`."""
    rate = math.log(2 / alpha) / count
    ends = []
    for side in (-1, 1):
        squares, weights = squares_of(law, cdf, side * (count < _FEW))
        t = side * math.sqrt(2 * rate / _spread(squares, weights)) * np.logspace(-1.5, 2.5, 60)
        ends.append(_bounds(t, rate, squares, weights))
    return max(0.0, float(ends[0].max())), float(ends[1].min())


def chernoff_p(law: Law, cdf: Cdf, count: int, found: float) -> float:
    """Return a bound on the probability that the mean of `count` values y is as far from 1 as `found`, on its side.

    Newton's method looks for the t with K'(t) = found.
    """
    squares, weights = squares_of(law, cdf, (1 if found > 1 else -1) * (count < _FEW))
    t, best = (found - 1) / _spread(squares, weights), 0.0
    for _ in range(_STEPS):
        exponents = t * squares
        top = float(exponents.max())
        tilted = np.exp(exponents - top) * weights
        total = float(tilted.sum())
        best = max(best, t * found - math.log(total) - top)
        mean = float(tilted @ squares) / total
        variance = float(tilted @ (squares - mean) ** 2) / total
        if variance <= 0 or abs(found - mean) < 1e-9:
            break
        following = t + (found - mean) / variance
        t = following if following * t > 0 else t / 2  # on this side of 1 the best t has this sign
    return math.exp(-count * best)


@lru_cache(maxsize=1024)
def squares_of(law: Law, cdf: Cdf, side: int = 0) -> tuple[Array, Array]:
    """Return values y in the cells of the support and their probabilities; an atom at the lower end has its own.

    The values are those in the middle of each cell, or its largest (side 1) or smallest (side -1): of few draws the
    bounds lie where a cell is not small.
    """
    edges = np.linspace(*law.support, _CELLS + 1)
    below, above = edges[:-1] - law.mean, edges[1:] - law.mean
    far = np.where(np.abs(above) > np.abs(below), above, below)
    near = np.where(below * above <= 0, 0.0, below + above - far)
    within = law.mean + {-1: near, 0: (below + above) / 2, 1: far}[side]
    places = np.concatenate([edges[:1], within])
    weights = np.diff(cdf(edges), prepend=0.0)
    places, weights = places[weights > 0], weights[weights > 0]
    return ((places - law.mean) / law.std) ** 2, weights / weights.sum()


def _spread(squares: Array, weights: Array) -> float:
    return max(float(weights @ squares**2) - 1.0, 1e-12)


def _bounds(t: Array, rate: float, squares: Array, weights: Array) -> Array:
    exponents = np.outer(t, squares)
    top = exponents.max(axis=1)
    result: Array = (np.log(np.exp(exponents - top[:, None]) @ weights) + top + rate) / t
    return result
