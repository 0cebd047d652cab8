"""Roots of a function of log q: brackets from a scan, then regula falsi that always shrinks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

_STEPS = 100
_PRECISE = 1e-13


def brackets(places: Sequence[float], values: Sequence[float], noise: float) -> Iterator[tuple[float, float]]:
    """Yield neighbours between which the values change their sign; those within the noise of 0 have none."""
    last: tuple[float, float] | None = None
    for place, value in zip(places, values, strict=True):
        if math.isnan(value) or abs(value) <= noise:
            continue
        if last is not None and (last[1] > 0) != (value > 0):
            yield last[0], place
        last = place, value


def root(function: Callable[[float], float], low: float, high: float) -> float | None:
    """Return where the function is 0 between two places (the Illinois method), or None without a change of sign."""
    at_low, at_high = function(low), function(high)
    if at_low == 0 or at_high == 0:
        return low if at_low == 0 else high
    if (at_low > 0) == (at_high > 0):
        return None
    for step in range(_STEPS):
        place = (low * at_high - high * at_low) / (at_high - at_low)
        if not math.isfinite(place) or not low < place < high or step % 8 == 7:
            place = (low + high) / 2
        value = function(place)
        if abs(value) < _PRECISE / 100 or high - low < _PRECISE * max(1.0, abs(place)):
            return place
        if (value > 0) == (at_high > 0):
            high, at_high, at_low = place, value, at_low / 2
        else:
            low, at_low, at_high = place, value, at_high / 2
    return (low + high) / 2
