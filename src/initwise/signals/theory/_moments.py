"""Gaussian moments of an activation as functions of the variance q that it is given."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from initwise.gains import normal_expectation
from initwise.signals.theory._functions import Activation

SCAN = torch.logspace(-6, 6, 121, dtype=torch.float64)  # where fixed points are looked for
_NEAREST = 2.0**-14  # the innermost edge of the panels of a scan


def square(f: Activation, q: float) -> float:
    """E f(sqrt(q) z)^2 for z ~ N(0, 1)."""
    if q == 0:
        return f.at_zero**2
    if f.is_homogeneous and q != 1:
        return q * _at_one(f)
    root = math.sqrt(q)
    return normal_expectation(lambda z: f.function(root * z) ** 2)


@lru_cache(maxsize=64)
def _at_one(f: Activation) -> float:
    return square(f, 1.0)


def mean(f: Activation, q: float) -> float:
    """E f(sqrt(q) z)."""
    root = math.sqrt(q)
    return normal_expectation(lambda z: f.function(root * z))


def slope_square(f: Activation, q: float) -> float:
    """E f'(sqrt(q) z)^2."""
    root = math.sqrt(q)
    return f.slope_at_zero if q == 0 else normal_expectation(lambda z: f.derivative(root * z) ** 2)


def square_slope(f: Activation, q: float) -> float:
    """d/dq E f(sqrt(q) z)^2 = E f(sqrt(q) z)^2 (z^2 - 1) / (2 q), which needs no derivative of f."""
    if q == 0:
        return f.slope_at_zero
    root = math.sqrt(q)
    return normal_expectation(lambda z: f.function(root * z) ** 2 * (z * z - 1)) / (2 * q)


def quick(f: Activation, q: float) -> tuple[float, float]:
    """Return `square` and `slope_square` to three digits (ten where f is smooth), in a moment."""
    if q == 0:
        return f.at_zero**2, f.slope_at_zero
    squares, slopes, _ = _quick(f, torch.tensor([q], dtype=torch.float64))
    return float(squares[0]), float(slopes[0])


def scanned(f: Activation) -> tuple[Tensor, Tensor, Tensor]:
    """Return `square`, `slope_square` and `square_slope` at each q of `SCAN`, as precise as `quick`."""
    return _quick(f, SCAN)


def _quick(f: Activation, q: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    z, weights = _nodes()
    x = (q.sqrt()[:, None] * z).flatten()
    squares = (f.function(x) ** 2).reshape(len(q), -1) * weights
    slopes = (f.derivative(x) ** 2).reshape(len(q), -1) * weights
    return squares.sum(1), slopes.sum(1), (squares * (z * z - 1)).sum(1) / (2 * q)


@lru_cache(maxsize=1)
def _nodes() -> tuple[Tensor, Tensor]:
    """Return nodes and weights of E[.]: panels that grow with the distance from 0, where most kinks are."""
    edges = [0.0, *(_NEAREST * 2.0**k for k in range(14)), *np.arange(1.0, 10.5, 0.5)]
    points, weights = np.polynomial.legendre.leggauss(8)
    low, high = np.array(edges[:-1]), np.array(edges[1:])
    z = ((high + low)[:, None] / 2 + (high - low)[:, None] / 2 * points).ravel()
    w = ((high - low)[:, None] / 2 * weights).ravel() * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return torch.from_numpy(np.concatenate([-z[::-1], z])), torch.from_numpy(np.concatenate([w[::-1], w]))
