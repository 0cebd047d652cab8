"""`CoordinateCheck`: the slopes of all activations, their verdicts, and what they say together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from initwise.findings import Table
from initwise.reporting import plain, text
from initwise.signals.coordinates import _table
from initwise.signals.coordinates._row import Along, Coordinate, CoordinateRecord, Statistic


@dataclass(frozen=True, eq=False, repr=False)
class CoordinateCheck:
    """What `coordinate_check` found. Iterating gives the rows.

    Attributes:
        along: "width" or "depth".
        sizes: the widths or depths, ascending.
        seeds, steps: how many runs of each model, of how many updates.
        statistics: what was measured.
        confidence, tolerance: of the slopes.
        rows: for each activation, statistic and step: slope, interval, verdict.
        records: every number of every run, as a long table.
        recipe: that initialized the models; "" where they are as built.
        notes: what was done to the forward pass, or could not be.
    """

    along: Along
    sizes: tuple[int, ...]
    seeds: int
    steps: int
    statistics: tuple[Statistic, ...]
    confidence: float
    tolerance: float
    rows: tuple[Coordinate, ...]
    records: tuple[CoordinateRecord, ...]
    recipe: str = ""
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Coordinate]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def ok(self) -> bool:
        """Whether every activation is decided to be stable (or zero, or shrinks where it may), and no loss diverged."""
        return self.diverged is None and all(row.allowed for row in self.rows)

    @property
    def diverged(self) -> CoordinateRecord | None:
        """The first loss that is NaN or infinite; None where there is none."""
        return next((each for each in self.records if each.statistic == "loss" and not math.isfinite(each.value)), None)

    @property
    def worst(self) -> tuple[Coordinate, ...]:
        """What is not as it should be: what diverged, then by the steepness of the slope."""
        wrong = [row for row in self.rows if not row.allowed]
        return tuple(sorted(wrong, key=lambda row: (row.verdict != "diverged", -abs(row.slope or 0.0))))

    @property
    def message(self) -> str:
        """The whole in one sentence."""
        return _table.sentence(self)

    def find(
        self, module: str, step: int, statistic: Statistic | None = None, *, call: int = 0, output: str | None = None
    ) -> Coordinate:
        """Return the row of one activation at one step; `output` where the module has several.

        Raises:
            KeyError: there is none; the message names the activations that there are.
        """
        wanted = statistic or self.statistics[0]
        for row in self.rows:
            same = (row.module, row.step, row.statistic, row.call) == (module, step, wanted, call)
            if same and output in (None, row.output):
                return row
        names = list(dict.fromkeys(row.name for row in self.rows))
        raise KeyError(f"no {wanted} of {module!r} (call {call}) at step {step}; activations: {names[:8]}")

    def table(self) -> Table:
        """Return the table with one line for each activation and statistic, which `print(check)` shows."""
        return _table.table(self)

    def to_dict(self) -> dict[str, Any]:
        """The check as plain data, ready for `json.dumps`."""
        return {
            "ok": self.ok,
            "message": self.message,
            "along": self.along,
            "sizes": list(self.sizes),
            "seeds": self.seeds,
            "steps": self.steps,
            "statistics": list(self.statistics),
            "confidence": self.confidence,
            "tolerance": self.tolerance,
            "recipe": self.recipe,
            "rows": [plain(row) for row in self.rows],
            "records": [plain(record) for record in self.records],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        return text(self.table())

    def __repr__(self) -> str:
        return f"<CoordinateCheck along {self.along}: {self.message}>"
