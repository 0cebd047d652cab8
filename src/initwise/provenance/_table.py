"""A log as tables: one row a parameter, or one row for names that differ only in numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from initwise.findings import Column, Table
from initwise.provenance._rows import STATES, Row
from initwise.reporting import common_name, unnumbered

_COLUMNS = (
    Column("shape", spare=True),
    Column("writes", "right"),
    Column("written by"),
    Column("where"),
    Column("what it replaced", spare=True),
)


def full(rows: Sequence[Row], notes: tuple[str, ...]) -> Table:
    """Return one line for each row."""
    return Table("", (Column("parameter"), *_COLUMNS), tuple(map(_cells, rows)), notes)


def grouped(rows: Sequence[Row], notes: tuple[str, ...]) -> Table:
    """Return one line for all rows whose names differ only in numbers and that were written alike."""
    groups: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for cells in map(_cells, rows):
        alike = (re.sub(r"as was [^,;]+", "as were others", cell) for cell in cells[1:])
        groups.setdefault((unnumbered(cells[0]), *alike), []).append(cells)
    lines = tuple(
        (common_name([cells[0] for cells in same]), f"x{len(same)}", *key[1:]) for key, same in groups.items()
    )
    return Table("", (Column("parameters"), Column("count", "right"), *_COLUMNS), lines, notes)


def _cells(row: Row) -> tuple[str, ...]:
    shape = " x ".join(map(str, row.shape)) or "scalar"
    name = row.name if row.kind == "parameter" else f"{row.name} (buffer)"
    last = row.last
    if last is None or row.state in {"never", "partly", "unseen", "meta"}:
        what = STATES[row.state]
        where = f"memory from {row.memory}" if row.memory else ""
    else:
        what, where = _words(row), last.where
    return name, shape, str(len(row.writes)), what, where, "; ".join(map(str, row.replaced))


def _words(row: Row) -> str:
    """Return the last full write, and those that changed parts of it, or all, afterwards."""
    last = row.last
    after = row.writes[row.writes.index(last) :] if last is not None else row.writes
    words = [f"{each} [{each.elements:,}]" if each.elements < row.elements else str(each) for each in after]
    return ", ".join(words[:4]) + (f" and {len(words) - 4} more" if len(words) > 4 else "")
