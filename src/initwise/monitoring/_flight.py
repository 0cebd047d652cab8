"""The flight recorder: the last frames before the first value that is not finite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from initwise.findings import Column, Table
from initwise.monitoring._frame import Frame, LayerRow

_SHOWN = 5  # frames side by side
_AROUND = 12  # layers before the one that is not finite


@dataclass(frozen=True)
class Flight:
    """What led to the first value that is not finite; `print(flight)` shows it.

    Attributes:
        step: the step in which it was seen.
        where: what was not finite first, in words.
        module: the layer, where it was one; "" for the loss and for gradients.
        frames: the last frames, the one with the value last where that step was looked at.
    """

    step: int
    where: str
    module: str
    frames: tuple[Frame, ...]

    def table(self) -> Table:
        """The largest absolute value of each layer in the last frames, and the smallest in the last of all."""
        shown = self.frames[-_SHOWN:]
        columns = [Column("layer"), *(Column(f"peak, step {each.step}", "right") for each in shown)]
        last = shown[-1].layers if shown else ()
        rows = tuple(self._row(row, shown) for row in self._part(last))
        return Table(
            f"Step {self.step}: {self.where}",
            (*columns, Column("low", "right")),
            rows,
            self._notes(len(last), len(rows)),
        )

    def to_dict(self) -> dict[str, Any]:
        """The record as plain data."""
        return {
            "step": self.step,
            "where": self.where,
            "module": self.module,
            "frames": [each.to_dict() for each in self.frames],
        }

    def __str__(self) -> str:
        return str(self.table())

    def _part(self, rows: Sequence[LayerRow]) -> Sequence[LayerRow]:
        """Return the rows up to the first one that is not finite; the last of those."""
        end = next((index for index, row in enumerate(rows) if not row.finite), len(rows) - 1) + 1
        return rows[max(0, end - _AROUND) : end]

    def _row(self, row: LayerRow, frames: Iterable[Frame]) -> tuple[str, ...]:
        same = [next((each for each in frame.layers if _key(each) == _key(row)), None) for frame in frames]
        peaks = [f"{each.peak:.3g}" if each is not None else "" for each in same]
        call = f" call {row.call}" if row.call else ""
        return (
            f"{row.module or 'the model'} ({row.operation}){call}",
            *peaks,
            "" if row.low is None else f"{row.low:.3g}",
        )

    def _notes(self, there: int, shown: int) -> tuple[str, ...]:
        return (f"{there - shown} other layers are in flight.frames",) if there > shown else ()


def first_bad(frame: Frame) -> LayerRow | None:
    """Return the first layer whose output is not finite."""
    return next((row for row in frame.layers if not row.finite), None)


def _key(row: LayerRow) -> tuple[str, int, str]:
    return row.module, row.call, row.operation
