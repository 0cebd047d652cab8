"""The run of words whose normals lie in an interval: truncated normals without rejection."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from initwise.errors import ArgumentError
from initwise.random._normal import normal_from_words

LEAST_WORDS = 2**20

_LAST_WORD = 2**32 - 1
_LOOK_AHEAD = 5


@functools.lru_cache(maxsize=1024)
def word_range(low: float, high: float) -> tuple[int, int]:
    """The first word and the number of words whose normals lie in [low, high], found by bisection.

    The map is not exactly monotone, so the path of the bisection is part of the stream's contract.

    Raises:
        ArgumentError: fewer than 2**20 words lie there, too few to sample from.
    """
    first = _first_where(lambda z: z >= low)
    last = _last_where(lambda z: z <= high)
    count = last - first + 1
    if count < LEAST_WORDS:
        raise ArgumentError(
            f"truncated normal: [low, high] = [{low}, {high}] has a probability of about {max(count, 0) / 2**32:.1g}, "
            f"allowed is at least {LEAST_WORDS / 2**32:.3g}; widen the bounds (they are in units of the parent's sigma)"
        )
    return first, count


def _first_where(holds: Callable[[float], bool]) -> int:
    normals: dict[int, float] = {}
    a, b = 0, _LAST_WORD
    while a < b:
        middle = (a + b) // 2
        if middle not in normals:
            normals = _normals_ahead(a, b, round_up=0)
        a, b = (a, middle) if holds(normals[middle]) else (middle + 1, b)
    return a


def _last_where(holds: Callable[[float], bool]) -> int:
    normals: dict[int, float] = {}
    a, b = 0, _LAST_WORD
    while a < b:
        middle = (a + b + 1) // 2
        if middle not in normals:
            normals = _normals_ahead(a, b, round_up=1)
        a, b = (middle, b) if holds(normals[middle]) else (a, middle - 1)
    return a


def _normals_ahead(a: int, b: int, *, round_up: int) -> dict[int, float]:
    """The normals at all middles that the next steps can ask for: NumPy takes a few as fast as one."""
    middles: list[int] = []
    intervals = [(a, b)]
    for _ in range(_LOOK_AHEAD):
        following = []
        for left, right in intervals:
            if left < right:
                middle = (left + right + round_up) // 2
                middles.append(middle)
                following += [(left, middle - round_up), (middle + 1 - round_up, right)]
        intervals = following
    normals = normal_from_words(np.array(middles, dtype=np.uint32))
    return dict(zip(middles, normals.tolist(), strict=True))
