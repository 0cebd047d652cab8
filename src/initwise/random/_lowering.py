"""From a draw and a storage dtype to the few float32 numbers and words that every backend computes with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from initwise.errors import ArgumentError
from initwise.random._bounds import StorageName, at_least, at_most
from initwise.random._draws import Draw, NormalDraw, UniformDraw
from initwise.random._truncation import word_range

Kind = Literal["uniform", "normal", "truncated"]


@dataclass(frozen=True, slots=True)
class Lowered:
    """value = fma(scale, u or z, shift), then clamped to [low, high]; all are numbers that float32 holds exactly.

    Only for float64 storage `low` and `high` are float64 numbers, applied after widening.
    A truncated normal takes z of word first + (w * count >> 32), clamped to [z_low, z_high].
    """

    kind: Kind
    storage: StorageName
    scale: float
    shift: float
    low: float = -math.inf
    high: float = math.inf
    first: int = 0
    count: int = 2**32
    z_low: float = -math.inf
    z_high: float = math.inf


def lower(draw: Draw, storage: StorageName) -> Lowered:
    """What to compute for a draw that is stored in the given dtype.

    Raises:
        ArgumentError: the dtype has no number within the draw's support.
    """
    if isinstance(draw, NormalDraw):
        return Lowered("normal", storage, _float32(draw.std), _float32(draw.mean))
    low, high = _inner_bounds(draw, storage)
    if isinstance(draw, UniformDraw):
        return Lowered("uniform", storage, _float32(draw.high - draw.low), _float32(draw.low), low, high)
    first, count = word_range(draw.low, draw.high)
    z_low, z_high = at_least("float32", draw.low), at_most("float32", draw.high)
    return Lowered(
        "truncated", storage, _float32(draw.sigma), _float32(draw.mean), low, high, first, count, z_low, z_high
    )


def _float32(value: float) -> float:
    return float(np.float32(value))


def _inner_bounds(draw: Draw, storage: StorageName) -> tuple[float, float]:
    a, b = draw.support
    low, high = at_least(storage, a), at_most(storage, b)
    if low > high or low == math.inf or high == -math.inf:
        raise ArgumentError(f"{draw!r}: {storage} has no number in [{a}, {b}]; widen the bounds or store in float32")
    return low + 0.0, high + 0.0  # no negative zeros: which zero a clamp keeps would depend on the backend
