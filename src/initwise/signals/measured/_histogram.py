"""Histograms of finite elements, counted where the tensor is and read with everything else."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from initwise.signals._moments import strided
from initwise.signals._row import Histogram

_MOST = 2**16  # elements that are counted; of larger tensors an evenly spaced part


def counted(values: Tensor, low: Tensor, high: Tensor, bins: int) -> Tensor:
    """Return low, high and the counts of `bins` bins between them, in one tensor; what is not finite is in no bin."""
    some = strided(values, _MOST).reshape(-1).double()
    width = high.double() - low.double()
    places = torch.where(width > 0, (some - low) / width, torch.zeros_like(some))
    places = torch.where(torch.isfinite(some) & torch.isfinite(width), places, -1.0)
    counts = torch.histc(places, bins, 0.0, 1.0)
    return torch.cat([torch.stack([low.double(), high.double()]), counts])


def finite_bounds(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the smallest and the largest finite element; infinities the wrong way round where there is none."""
    finite = torch.isfinite(values)
    infinity = torch.full_like(values, math.inf)
    return torch.where(finite, values, infinity).amin(), torch.where(finite, values, -infinity).amax()


def histogram(numbers: Tensor, nan: int, infinite: int) -> Histogram | None:
    """Return the histogram that `counted` counted; None where no element is finite."""
    low, high, *counts = numbers.tolist()
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    return Histogram(low, high, tuple(map(int, counts)), nan, infinite)
