"""Distribution functions as frozen values: comparable, hashable, called with an array."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class NormalCdf:
    """P(X <= x) of the normal law."""

    mean: float
    std: float

    def __call__(self, x: Array) -> Array:
        return _phi((np.asarray(x, np.float64) - self.mean) / self.std)


@dataclass(frozen=True)
class UniformCdf:
    """P(X <= x) of the uniform law on [low, high]."""

    low: float
    high: float

    def __call__(self, x: Array) -> Array:
        return np.clip((np.asarray(x, np.float64) - self.low) / (self.high - self.low), 0.0, 1.0)


@dataclass(frozen=True)
class TruncatedNormalCdf:
    """P(X <= x) of a normal law of std `sigma` cut to `mean` + [low, high] * `sigma`."""

    mean: float
    sigma: float
    low: float
    high: float

    def __call__(self, x: Array) -> Array:
        z = np.clip((np.asarray(x, np.float64) - self.mean) / self.sigma, self.low, self.high)
        below, above = _phi(np.array([self.low, self.high]))
        return np.asarray((_phi(z) - below) / (above - below))


def _phi(z: Array) -> Array:
    # NumPy has no error function; torch's is at hand without another import.
    flat = torch.from_numpy(np.ascontiguousarray(-np.atleast_1d(z) / math.sqrt(2)))
    return np.asarray(0.5 * torch.special.erfc(flat).numpy()).reshape(np.shape(z))
