"""Bars and sparks on a logarithmic scale, in characters."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeGuard

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_STEPS = "▁▂▃▄▅▆▇█"
_PLAIN_STEPS = "_.:-=+*#"


@dataclass(frozen=True, slots=True)
class Bars:
    """One scale for all bars of a column.

    Attributes:
        low, high: between which numbers it lies; zero where nothing is known.
        width: of a bar, in characters.
        plain: with ASCII only, for terminals that know no block characters.
    """

    low: float
    high: float
    width: int = 8
    plain: bool = False

    @classmethod
    def over(cls, values: Iterable[float | None], *, width: int = 8, plain: bool = False) -> Bars:
        """Return a scale that holds these values; it covers a decade at least, so that noise stays small."""
        logs = [math.log10(each) for each in values if _is_shown(each)]
        if not logs:
            return cls(0.0, 0.0, width, plain)
        low, high = min(logs), max(logs)
        spare = max(0.0, 1.0 - (high - low)) / 2
        return cls(10 ** (low - spare), 10 ** (high + spare), width, plain)

    def bar(self, value: float | None) -> str:
        """Return one value as a bar; nothing for zero, "!" for NaN and infinities, "?" where unknown.

        >>> Bars(0.01, 1.0, 4).bar(0.1), Bars(0.01, 1.0, 4, plain=True).bar(1.0), Bars(0.01, 1.0).bar(0.0)
        ('██', '####', '')
        """
        if not _is_shown(value):
            return _odd(value).strip()
        eighths = max(1, round(self.place(value) * self.width * 8))
        if self.plain:
            return "#" * max(1, round(eighths / 8))
        return _EIGHTHS[8] * (eighths // 8) + _EIGHTHS[eighths % 8].strip()

    def spark(self, values: Sequence[float | None]) -> str:
        """Return values as steps, the first on the left; of more than the width, neighbours share a step.

        >>> Bars(0.01, 1.0).spark([0.01, 0.1, 1.0, 0.0, None, float("inf")])
        '▁▅█ ?!'
        """
        steps = _PLAIN_STEPS if self.plain else _STEPS
        shown = [_shared(each) for each in _chunks(values, self.width)]
        return "".join(
            steps[min(7, int(self.place(each) * 8))] if _is_shown(each) else _odd(each) for each in shown
        ).rstrip()

    def place(self, value: float | None) -> float:
        """Return where a value lies between low (0) and high (1), on the logarithmic scale."""
        if not _is_shown(value) or self.low <= 0:
            return 0.0
        share = math.log(value / self.low) / math.log(self.high / self.low) if self.high > self.low else 1.0
        return min(max(share, 0.0), 1.0)


def knows_blocks() -> bool:
    """Tell whether standard output can show block characters."""
    try:
        "█▁▏".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _is_shown(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value) and value > 0


def _odd(value: float | None) -> str:
    if value is None:
        return "?"
    return " " if value == 0 else "!"


def _chunks(values: Sequence[float | None], most: int) -> list[Sequence[float | None]]:
    count = min(len(values), most)
    edges = [round(place * len(values) / count) for place in range(count + 1)] if count else []
    return [values[start:stop] for start, stop in pairwise(edges)]


def _shared(values: Sequence[float | None]) -> float | None:
    """Return the geometric mean; what is odd among the values wins, so that it is seen."""
    odd = [each for each in values if not _is_shown(each)]
    if odd:
        return next((each for each in odd if each is not None and not math.isfinite(each)), odd[0])
    return math.exp(sum(math.log(each) for each in values if _is_shown(each)) / len(values))
