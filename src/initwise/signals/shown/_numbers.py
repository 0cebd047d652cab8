"""Numbers as cells."""

from __future__ import annotations

import math
from collections.abc import Sequence

UNKNOWN = "?"


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with a few digits.

    >>> number(0.030123), number(1.2e-08), number(0.0), number(float("nan")), number(None)
    ('0.0301', '1.2e-08', '0', 'nan', '?')
    """
    return UNKNOWN if value is None else f"{value:.{digits}g}"


def span(values: Sequence[float | None]) -> str:
    """Return between which numbers values lie; one number where they are the same.

    >>> span([0.1, 0.25, 0.2]), span([0.5, 0.501]), span([None, 0.5]), span([1.0, float("inf")])
    ('0.1..0.25', '0.5', '?', '1..inf')
    """
    known = [each for each in values if each is not None]
    if len(known) < len(values) or not known:
        return UNKNOWN
    if any(math.isnan(each) for each in known):
        return "nan"
    if len(known) == 1:
        return number(known[0])
    ends = [number(each, 2) for each in (min(known), max(known))]
    return ends[0] if ends[0] == ends[1] else "..".join(ends)


def ratio(predicted: float | None, measured: float | None) -> float | None:
    """Return measured / predicted; 1 where both are zero, None where one is unknown.

    >>> ratio(2.0, 3.0), ratio(0.0, 0.0), ratio(0.0, 1.0), ratio(None, 1.0)
    (1.5, 1.0, inf, None)
    """
    if predicted is None or measured is None:
        return None
    if predicted == 0:
        return 1.0 if measured == 0 else math.inf
    return measured / predicted


def worst(ratios: Sequence[float | None]) -> str:
    """Return the ratio that is farthest from one."""
    known = [each for each in ratios if each is not None]
    if not known:
        return ""
    if any(math.isnan(each) for each in known):
        return "nan"
    return f"{max(known, key=_distance):.2f}"


def _distance(value: float) -> float:
    return abs(math.log(value)) if 0 < value < math.inf else math.inf
