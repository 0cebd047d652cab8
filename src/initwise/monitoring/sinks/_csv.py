"""CSV: long rows of step, subject, quantity and value, which every table program takes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from initwise.monitoring._alert import Alert
from initwise.monitoring._frame import Frame
from initwise.monitoring.sinks._sink import scalars

_HEAD = ("step", "kind", "name", "quantity", "value")


class Csv:
    """Writes rows `step, kind, name, quantity, value`: kind is "loss", "layer", "parameter" or "alert".

    An alert's quantity is its code, and its value the message. A run that is resumed adds to the file.

    Args:
        path: the file; its folder is made where it is missing.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def frame(self, frame: Frame) -> None:
        """Add the frame's numbers."""
        rows: list[Sequence[object]] = []
        for name, value in scalars(frame).items():
            kind, _, rest = name.partition("/")
            subject, _, quantity = rest.rpartition("/")
            rows.append((frame.step, kind, subject, quantity or kind, f"{value:.9g}"))
        self._add(rows)

    def alert(self, alert: Alert) -> None:
        """Add the alert."""
        finding = alert.finding
        self._add([(alert.step, "alert", each.parameter, each.code, each.message) for each in finding.each()])

    def close(self) -> None:
        """Nothing is left open."""

    def _add(self, rows: Iterable[Sequence[object]]) -> None:
        new = not self.path.exists()
        with self.path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([_HEAD, *rows] if new else rows)
