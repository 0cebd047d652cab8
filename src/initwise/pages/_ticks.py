"""Where an axis has labels: round numbers, as many as one reads."""

from __future__ import annotations

import math

_MOST = 6


def ticks(low: float, high: float, *, logarithmic: bool) -> list[float]:
    """Return round numbers between two ends.

    >>> ticks(0.9, 2.4, logarithmic=True), ticks(0.3, 40, logarithmic=True), ticks(-1, 1, logarithmic=False)
    ([1.0, 1.5, 2.0], [0.5, 1.0, 2.0, 5.0, 10.0, 20.0], [-1.0, -0.5, 0.0, 0.5, 1.0])
    """
    if not logarithmic or high / low < 8:
        return _even(low, high)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    heads = (1, 2, 5) if last - first <= 3 else (1,)
    step = 1 if len(heads) > 1 else max(1, -(-(last - first) // _MOST))
    found = [float(f"{head}e{power}") for power in range(first, last + 1, step) for head in heads]
    inside = [each for each in found if low <= each <= high]
    return inside if len(inside) <= _MOST + 2 else [each for each in inside if f"{each:e}"[0] == "1"]


def _even(low: float, high: float) -> list[float]:
    """Return multiples of a round step: one, two or five times a power of ten."""
    rough = (high - low) / _MOST
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough * 0.999)
    return [
        float(f"{place * step:.10g}")
        for place in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    ]
