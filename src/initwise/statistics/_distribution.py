"""Whether values have the distribution of a law: Kolmogorov's distance as an effect, with a p-value that holds.

Correct weights in bfloat16 are no sample of a continuous law: at ten million values its p-value is below 1e-11. So the
two distribution functions are compared only between neighbouring numbers of the dtype, where rounding moves nothing
across, and whatever half a step of the dtype could explain (rounding by other rules) is not counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from initwise.initializers import Law
from initwise.statistics._arrays import decoded, memory
from initwise.statistics._blocks import real
from initwise.statistics._chernoff import Cdf

Array = NDArray[np.float64]
_PLACES = 256  # at so many quantiles the functions are compared
_REACH = 50.0  # standard deviations within which every quantile lies
SAMPLE = 2**16  # values that are looked at


@dataclass(frozen=True, slots=True)
class Distance:
    """The largest difference of two distribution functions, where it is, and how much of it rounding may explain."""

    count: int
    largest: float
    place: float
    rounding: float

    @property
    def effect(self) -> float:
        """What rounding does not explain."""
        return max(0.0, self.largest - self.rounding)

    @property
    def p(self) -> float:
        """2 exp(-2 n D^2), which bounds it for any law and any n (Massart 1990)."""
        return min(1.0, 2 * math.exp(-2 * self.count * self.effect**2))


def distance(values: NDArray[np.floating], law: Law, cdf: Cdf, dtype: torch.dtype) -> Distance:
    """Return how far the distribution of values, stored in `dtype`, is from that of a law."""
    places, expected, moved = _places(law, cdf, coarser(dtype))
    found = np.searchsorted(np.sort(values), places, side="right") / values.size
    difference = np.abs(found - expected)
    at = int(difference.argmax())
    return Distance(values.size, float(difference[at]), float(places[at]), moved)


def sample(pieces: list[Tensor], most: int = SAMPLE) -> NDArray[np.floating]:
    """Return at most about `most` of the values as one array, evenly spread over tensors of any strides."""
    numbers = [real(piece) for piece in pieces if piece.numel()]
    step = -(-sum(each.numel() for each in numbers) // most) or 1
    step += step % 2 == 0 and step > 1  # an odd step does not stay in one column of a matrix of even width
    array: NDArray[np.floating] = np.concatenate([decoded(_every(each, step)) for each in numbers])
    return array


def coarser(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype whose rounding shows in values of `dtype`: all pass through float32."""
    plain = dtype.to_real() if dtype.is_complex else dtype
    return torch.float32 if plain == torch.float64 else plain


def step_at(value: float, dtype: torch.dtype) -> float:
    """Return the distance of neighbouring numbers of the dtype around `value`, float64 taken as float32."""
    info = torch.finfo(coarser(dtype))
    return float(info.eps * 2.0 ** (math.frexp(max(abs(value), info.tiny))[1] - 1))


def _every(tensor: Tensor, step: int) -> NDArray[Any]:
    if tensor.is_contiguous():
        return memory(tensor.view(-1)[::step])
    places = np.unravel_index(np.arange(0, tensor.numel(), step), tensor.shape)
    if tensor.device.type == "cpu":
        taken: NDArray[Any] = memory(tensor)[places]
        return taken
    return memory(tensor[tuple(torch.from_numpy(index).to(tensor.device) for index in places)])


@lru_cache(maxsize=1024)
def _places(law: Law, cdf: Cdf, dtype: torch.dtype) -> tuple[Array, Array, float]:
    """Return places between neighbouring numbers of the dtype, P(X <= place), and what half a step there may move."""
    quantiles = torch.from_numpy(_quantiles(law, cdf)).to(dtype)
    following = torch.nextafter(quantiles, torch.full_like(quantiles, math.inf))
    lower, upper = quantiles.double().numpy(), following.double().numpy()
    places = np.unique((lower + upper) / 2)
    half = np.interp(places, *_unique((lower + upper) / 2, (upper - lower) / 2))
    moved = np.maximum(cdf(places + half) - cdf(places), cdf(places) - cdf(places - half))
    return places, cdf(places), float(moved.max())


def _unique(x: Array, y: Array) -> tuple[Array, Array]:
    places, first = np.unique(x, return_index=True)
    return places, y[first]


def _quantiles(law: Law, cdf: Cdf) -> Array:
    """Return the quantiles 1/256, 2/256, ... by bisection."""
    asked = np.arange(1, _PLACES) / _PLACES
    low = np.full(asked.shape, max(law.support[0], law.mean - _REACH * law.std))
    high = np.full(asked.shape, min(law.support[1], law.mean + _REACH * law.std))
    for _ in range(44):
        middle = (low + high) / 2
        below = cdf(middle) < asked
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return high
