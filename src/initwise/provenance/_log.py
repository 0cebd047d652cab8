"""The log: what a block wrote, as rows, findings and a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from torch import nn

from initwise._arguments import nearest, show
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.findings import Finding, Table
from initwise.provenance._findings import findings_of
from initwise.provenance._rows import Row
from initwise.provenance._table import full, grouped
from initwise.reporting import text

_SHOWN = 10  # errors in full; the table shows them all


class Log:
    """Which operation wrote each parameter, how often, in which order and from which line; filled when the block ends.

    Attributes:
        model: the model that the rows are about; None where it is all that the block left.
        notes: what the rows cannot say.
    """

    def __init__(self) -> None:
        self._rows: tuple[Row, ...] | None = None
        self.model: nn.Module | None = None
        self._findings: tuple[Finding, ...] = ()
        self.notes: tuple[str, ...] = ()

    def about(self, model: nn.Module) -> None:
        """Say, inside the block, which model the rows are about; else it is all that the block left."""
        if self._rows is not None:
            raise ArgumentError("log.about: the block is over; call it inside, or give the model to iw.record(model)")
        self.model = checked(model, "log.about")

    def fill(self, rows: tuple[Row, ...], notes: tuple[str, ...]) -> None:
        """Take what the block left."""
        self._rows, self.notes = rows, notes
        self._findings = tuple(findings_of(rows))

    @property
    def rows(self) -> tuple[Row, ...]:
        """One row for each parameter, then each buffer."""
        if self._rows is None:
            raise ArgumentError("record: the block is not over; read the log after `with iw.record() as log:`")
        return self._rows

    @property
    def findings(self) -> tuple[Finding, ...]:
        """INI112 never written (error), INI114 truncation that cuts nothing (warning), INI113 overwritten (info)."""
        return self._findings if self.rows else ()

    @property
    def never_written(self) -> tuple[str, ...]:
        """The names of the parameters and buffers of which at least one element was never written."""
        return tuple(row.name for row in self.rows if row.state in {"never", "partly"})

    @property
    def ok(self) -> bool:
        """True where everything was written."""
        return all(finding.severity != "error" for finding in self.findings)

    def __getitem__(self, name: str) -> Row:
        for row in self.rows:
            if name == row.name or name in row.aliases:
                return row
        raise ArgumentError(f"the log has no parameter {name!r}{nearest(name, [row.name for row in self.rows])}")

    def __contains__(self, name: object) -> bool:
        return any(name == row.name or name in row.aliases for row in self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def table(self) -> Table:
        """All parameters, and the buffers that were not written, as text cells."""
        return full(self._shown(), self._notes())

    def summary(self) -> Table:
        """The same with one line for all whose names differ only in numbers and that were written alike."""
        return grouped(self._shown(), self._notes())

    def to_dict(self) -> dict[str, Any]:
        """The log as plain data."""
        return {
            "ok": self.ok,
            "never_written": list(self.never_written),
            "findings": [finding.to_dict() for finding in self.findings],
            "rows": [row.to_dict() for row in self.rows],
            "notes": list(self.notes),
        }

    def text(self, *, summary: bool = False, terminal: bool | None = None, width: int | None = None) -> str:
        """The table or its summary, and the first errors in full; other findings are counted under the table."""
        table = self.summary() if summary else self.table()
        parts = [text(table, terminal=terminal, width=width) if table.rows else "\n".join(table.notes)]
        errors = [str(finding) for finding in self.findings if finding.severity == "error"]
        more = [f"and {len(errors) - _SHOWN} more errors: log.findings has all"] if len(errors) > _SHOWN else []
        return "\n\n".join([*parts, *errors[:_SHOWN], *more])

    def __str__(self) -> str:
        return self.text()

    def _shown(self) -> list[Row]:
        return [row for row in self.rows if row.kind == "parameter" or row.state != "written"]

    def _notes(self) -> tuple[str, ...]:
        kinds: Counter[str] = Counter(row.kind for row in self.rows)
        kinds["write"] = sum(len(row.writes) for row in self.rows)
        made = ", ".join(f"{count:,} {kind}{'' if count == 1 else 's'}" for kind, count in kinds.items())
        counts = Counter((finding.severity, finding.code) for finding in self.findings)
        told = [f"{code}: {count} {_level(level, count)}" for (level, code), count in counts.items()]
        return "; ".join([made, *told]), *self.notes


def checked(model: Any, operation: str) -> nn.Module:
    """Return a model, or refuse what is none."""
    if not isinstance(model, nn.Module):
        kind = type(model).__name__
        raise ArgumentTypeError(f"{operation}: model is {show(model)} of type {kind}; give an nn.Module")
    return model


def _level(level: str, count: int) -> str:
    return level if count == 1 or level == "info" else f"{level}s"
