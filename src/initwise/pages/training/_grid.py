"""The frames and the rows that the page has room for, and the values in them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

from initwise.monitoring import Frame
from initwise.monitoring.sinks import label
from initwise.pages.training._content import Training
from initwise.pages.training._quantities import QUANTITIES, Quantity

# That are drawn: with them, and with names of fifty letters, a page stays below a million bytes.
FRAMES, LAYERS, PARAMETERS = 60, 90, 56
_DIGITS = 100  # steps of a packed logarithm while the value grows tenfold: it is right to 1.2 %


@dataclass(frozen=True)
class Grid:
    """One quantity: rows from the first layer to the last, columns from the first frame to the last.

    Attributes:
        quantity: what it is.
        steps: the numbers of the frames' steps.
        names: of the rows.
        rows: the values; None where there is none, NaN where an output was not finite.
        spread: of each frame the least, the middle and the largest finite value over all layers or parameters, also
            those without a row; None where there is none. What is exactly zero counts for shares only.
        left: how many layers or parameters have no row.
    """

    quantity: Quantity
    steps: tuple[int, ...]
    names: tuple[str, ...]
    rows: tuple[tuple[float | None, ...], ...]
    spread: tuple[tuple[float, float, float] | None, ...]
    left: int = 0

    @property
    def finite(self) -> bool:
        """Whether at least one value in it is finite."""
        return any(value is not None and math.isfinite(value) for row in self.rows for value in row)


def grids(training: Training) -> tuple[Grid, ...]:
    """Return what is drawn of every quantity that was seen at least once."""
    frames = drawn_frames(training)
    if not frames:
        return ()
    found = (_grid(quantity, frames, training) for quantity in QUANTITIES)
    return tuple(each for each in found if each.names)


def drawn_frames(training: Training) -> tuple[Frame, ...]:
    """Return the frames that are drawn: those with the first alerts, the first and the last; others evenly."""
    frames = training.frames
    if len(frames) <= FRAMES:
        return frames
    alerted = {alert.step for alert in training.alerts}
    wanted = [place for place, frame in enumerate(frames) if frame.step in alerted][: FRAMES // 2]
    evenly = FRAMES - len(wanted)
    wanted += [round(place * (len(frames) - 1) / (evenly - 1)) for place in range(evenly)]
    return tuple(frames[place] for place in sorted(set(wanted)))


def _grid(quantity: Quantity, frames: Sequence[Frame], training: Training) -> Grid:
    values = [quantity.values(frame) for frame in frames]
    every = dict.fromkeys(name for each in reversed(values) for name in each)
    if quantity.parameter is not None:
        every = dict.fromkeys(name for name in every if name in training.matrices or name in training.named)
    names = _kept(tuple(every), quantity, training)
    rows = tuple(tuple(each.get(name) for each in values) for name in names)
    spread = tuple(_spread([each[name] for name in every if name in each], quantity) for each in values)
    return Grid(quantity, tuple(frame.step for frame in frames), names, rows, spread, len(every) - len(names))


def _kept(names: tuple[str, ...], quantity: Quantity, training: Training) -> tuple[str, ...]:
    """Return the names that have room: layers that hold parameters or activate, then those that alerts name; evenly."""
    most = LAYERS if quantity.layer is not None else PARAMETERS
    if quantity.layer is not None:
        alone = _passing(training)
        names = tuple(name for name in names if name not in alone)
    if len(names) <= most:
        return names
    wanted = _named_rows(training)
    first = [name for name in names if name in wanted][:most]
    others = [name for name in names if name not in first]
    count = most - len(first)
    evenly = {others[round(place * (len(others) - 1) / max(count - 1, 1))] for place in range(count)}
    return tuple(name for name in names if name in evenly or name in first)


def _passing(training: Training) -> frozenset[str]:
    """Return the layers that only pass on what they take: they hold no parameter, and activate nothing."""
    return frozenset(
        label(row)
        for row in training.frames[-1].layers
        if not row.parameters and row.dead is None and row.saturated is None and row.finite
    )


def _named_rows(training: Training) -> frozenset[str]:
    named = training.named
    layers = [label(row) for row in training.frames[-1].layers if named.intersection(row.parameters)]
    return frozenset([*named, *layers])


def _spread(values: Sequence[float], quantity: Quantity) -> tuple[float, float, float] | None:
    known = sorted(each for each in values if math.isfinite(each) and (each > 0 or quantity.share))
    if not known:
        return None
    middle = quantiles(known, n=2, method="inclusive")[0] if len(known) > 1 else known[0]
    return known[0], middle, known[-1]


def packed(grid: Grid) -> list[list[Any]]:
    """Return the rows in few bytes: whole numbers, each as its difference from the one before.

    They count hundredths of a power of ten, of shares thousandths. None is what is unknown, 0 exactly is "0", and what
    is not finite is "!".
    """
    return [_packed(row, share=grid.quantity.share) for row in grid.rows]


def _packed(row: Sequence[float | None], *, share: bool) -> list[Any]:
    found: list[Any] = []
    before = 0
    for value in row:
        if value is None:
            found.append(None)
        elif not math.isfinite(value):
            found.append("!")
        elif value <= 0 and not share:
            found.append("0")
        else:
            now = round(value * 1000) if share else round(math.log10(value) * _DIGITS)
            found.append(now - before)
            before = now
    return found
