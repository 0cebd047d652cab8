"""Moments of a tensor's values in one pass over its memory, without a full-size copy."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from initwise.statistics._arrays import decoded, memory
from initwise.statistics._blocks import BLOCK, blocks, real

_DEVICE_BLOCK = 2**24  # elements at a time where memory is not the CPU's


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


def merged(parts: Sequence[Moments], about: float = 0.0) -> Moments:
    """Return the moments, about one number, of all values that were measured in parts."""
    count = sum(part.count for part in parts)
    if not count or not all(part.finite for part in parts):
        return Moments(count, math.nan, math.nan, math.nan, math.nan, about)
    mean, square = (sum(part.count / count * getattr(part, name) for part in parts) for name in ("mean", "square"))
    return Moments(count, min(part.low for part in parts), max(part.high for part in parts), mean, square, about)


def moments(pieces: Iterable[Tensor], about: float, scale: float = 1.0) -> Moments:
    """Measure tensors together; the halves of complex elements count as values of their own.

    `scale` is the expected size of a distance from `about`; squares are taken of distances in that unit, because those
    of very small or large float32 numbers are not float32 numbers.
    """
    cut = (block for piece in pieces for block in blocks(real(piece), _size(piece)))
    return merged([block_moments(block, about, scale) for block in cut], about)


def block_moments(block: Tensor, about: float, scale: float = 1.0) -> Moments:
    """Measure a block of real numbers that fits the cache (on another device: any block)."""
    unit = scale or 1.0
    measured = _on_cpu if block.device.type == "cpu" else _on_device
    low, high, total, square = measured(block, about, unit)
    count = block.numel()
    if not (math.isfinite(low) and math.isfinite(high)):
        return Moments(count, math.nan, math.nan, math.nan, math.nan, about)
    return Moments(count, low, high, about + unit * total / count, unit**2 * square / count, about)


class _Scratch(threading.local):
    """Buffers of a thread, so that nothing is allocated block by block."""

    def __init__(self) -> None:
        self.values = np.empty(BLOCK, np.float32)
        self.distances = {np.dtype(kind): np.empty(BLOCK, kind) for kind in (np.float32, np.float64)}


_scratch = _Scratch()


def _on_cpu(block: Tensor, about: float, unit: float) -> tuple[float, float, float, float]:
    if block.numel() > BLOCK:
        raise ValueError(f"a block of {block.numel()} elements; at most {BLOCK}")
    values = decoded(memory(block), _scratch.values)
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        return math.nan, math.nan, math.nan, math.nan
    kind = values.dtype.type
    flat = _scratch.distances[values.dtype][: values.size]
    distance = np.subtract(values, kind(about), out=flat.reshape(values.shape))
    np.multiply(distance, kind(1 / unit), out=distance)
    total = float(flat.sum())
    np.multiply(flat, flat, out=flat)
    return low, high, total, float(flat.sum())


def _on_device(block: Tensor, about: float, unit: float) -> tuple[float, float, float, float]:
    values = block if block.dtype in {torch.float32, torch.float64} else block.float()
    distance = (values - about) * (1 / unit)
    sums = distance.sum(dtype=torch.float64), distance.square().sum(dtype=torch.float64)
    low, high, total, square = torch.stack([values.min().double(), values.max().double(), *sums]).tolist()
    return low, high, total, square


def _size(tensor: Tensor) -> int:
    return BLOCK if tensor.device.type == "cpu" else _DEVICE_BLOCK
