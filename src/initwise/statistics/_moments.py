"""Moments of a tensor's values in one pass over its memory, without a full-size copy."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_CHUNK = 1 << 13  # elements at a time: they stay in cache, and float32 sums of so few are exact to 1e-6


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, extremes and mean; `square` is the mean squared distance from `about`. NaN where a value is not finite."""

    count: int
    low: float
    high: float
    mean: float
    square: float
    about: float = 0.0

    @property
    def finite(self) -> bool:
        """True where every value is finite."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def variance(self) -> float:
        """The mean squared distance from the values' own mean."""
        return max(0.0, self.square - (self.mean - self.about) ** 2) if self.finite else math.nan


def pooled(parts: Sequence[Moments]) -> tuple[float, float]:
    """Return mean and standard deviation of all values of `parts` together."""
    count = sum(part.count for part in parts)
    mean = sum(part.count * part.mean for part in parts) / count
    variance = sum(part.count * (part.variance + (part.mean - mean) ** 2) for part in parts) / count
    return mean, math.sqrt(variance)


def moments(pieces: Iterable[Tensor], about: float, scale: float = 1.0) -> Moments:
    """Measure tensors together; the halves of complex elements count as values of their own.

    `scale` is the expected size of a distance from `about`; squares are taken of distances in that unit, because those
    of very small or large float32 numbers are not float32 numbers.
    """
    unit = scale or 1.0
    count, low, high, total, square = 0, math.inf, -math.inf, 0.0, 0.0
    for chunk in _chunks(pieces):
        smallest, largest = float(chunk.min()), float(chunk.max())
        if not (math.isfinite(smallest) and math.isfinite(largest)):
            return Moments(1, math.nan, math.nan, math.nan, math.nan)
        low, high = min(low, smallest), max(high, largest)
        distance = (chunk - chunk.dtype.type(about)) * chunk.dtype.type(1 / unit)
        count += chunk.size
        total += float(distance.sum())
        square += float(np.dot(distance, distance))
    if not count:
        return Moments(0, math.nan, math.nan, math.nan, math.nan)
    return Moments(count, low, high, about + unit * total / count, unit**2 * square / count, about)


def _chunks(pieces: Iterable[Tensor]) -> Iterator[NDArray[Any]]:
    for piece in pieces:
        real = torch.view_as_real(piece) if piece.is_complex() else piece
        single = real.dtype in {torch.float32, torch.float64}
        for flat in _flats(real):
            for chunk in flat.split(_CHUNK):
                yield (chunk if single else chunk.float()).numpy(force=True)


def _flats(tensor: Tensor) -> Iterator[Tensor]:
    """Yield 1-D views that cover the tensor once, in whatever order its memory has."""
    if tensor.numel() == 0:
        return
    ordered = tensor.permute(sorted(range(tensor.dim()), key=tensor.stride, reverse=True))
    if ordered.is_contiguous():
        yield ordered.view(-1)
    elif ordered.numel() <= _CHUNK or ordered.dim() == 1:
        yield ordered.reshape(-1)
    else:
        for slice_ in ordered:
            yield from _flats(slice_)
