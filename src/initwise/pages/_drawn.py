"""What a chart draws: rows by the name of their set, and the ends of its second axis."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from initwise.pages._ticks import ticks

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Drawn:
    """What one chart draws.

    Attributes:
        sets: rows by the name of the set.
        low, high: the ends of its second axis; None where there is nothing to draw.
        logarithmic: whether that axis can be; of differences, whether they are those of logarithms.
        lost: how many strategies have a divergence to show.
    """

    sets: dict[str, Rows]
    low: float | None
    high: float | None
    logarithmic: bool
    lost: int = 0

    @property
    def ticks(self) -> list[float]:
        """Where that axis has labels."""
        if self.low is None or self.high is None:
            return []
        return ticks(self.low, self.high, logarithmic=self.logarithmic)


def ends(values: Sequence[float], bounds: Iterable[float | None] = ()) -> tuple[float | None, float | None, bool]:
    """Return the ends of an axis: around the values, and around bounds as far as half of that again."""
    if not values:
        return None, None, False
    logarithmic = min(values) > 0
    low, high = min(values), max(values)
    room = (high / low) ** 0.5 if logarithmic else (high - low) / 2
    least, most = (low / room, high * room) if logarithmic else (low - room, high + room)
    known = [each for each in bounds if each is not None]
    low, high = max(min([low, *known]), least), min(max([high, *known]), most)
    if logarithmic:
        return low / 1.04, high * 1.04, True
    edge = (high - low) * 0.04 or 1.0
    return low - edge, high + edge, False


def short(value: float | None) -> float | None:
    """Return a finite number with four significant digits; None for any other, which JSON does not have."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.4g}")
