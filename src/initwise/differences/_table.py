"""A difference as a table: one line for parameters whose names differ only in numbers and that differ in one way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from initwise.findings import Column, Table
from initwise.reporting import common_name, unnumbered

if TYPE_CHECKING:
    from initwise.differences._value import Compared

_COLUMNS = (
    Column("parameters"),
    Column("count", "right"),
    Column("status"),
    Column("shape", spare=True),
    Column("law a"),
    Column("law b"),
    Column("std a", "right"),
    Column("std b", "right"),
    Column("b / a", "right"),
    Column("largest |a - b|", "right"),
    Column("fans", spare=True),
    Column("reason"),
)


def grouped(rows: Iterable[Compared], notes: Iterable[str]) -> Table:
    """Return the table, without the columns in which no line has anything."""
    groups: dict[tuple[str, ...], list[Compared]] = {}
    for row in rows:
        key = unnumbered(row.name), row.status, _shape(row), row.law_a, row.law_b, row.fans, row.reason
        groups.setdefault(key, []).append(row)
    lines = [_line(group) for group in groups.values()]
    shown = [index for index in range(len(_COLUMNS)) if index < 1 or any(line[index] for line in lines)]
    cells = tuple(tuple(line[index] for index in shown) for line in lines)
    return Table("", tuple(_COLUMNS[index] for index in shown), cells, tuple(notes))


def _line(group: Sequence[Compared]) -> tuple[str, ...]:
    first = group[0]
    return (
        common_name([row.name for row in group]),
        f"x{len(group)}" if len(group) > 1 else "",
        first.status,
        _shape(first),
        first.law_a,
        first.law_b,
        _range(row.std_a for row in group),
        _range(row.std_b for row in group),
        _range(row.ratio for row in group),
        _range(row.largest for row in group),
        first.fans,
        first.reason,
    )


def _shape(row: Compared) -> str:
    return " x ".join(map(str, row.shape))


def _range(numbers: Iterable[float | None]) -> str:
    """Return the least and the greatest of some numbers; one where they are equal as far as they are shown."""
    known = sorted(number for number in numbers if number is not None)
    if not known:
        return ""
    low, high = f"{known[0]:.4g}", f"{known[-1]:.4g}"
    return low if low == high else f"{low} to {high}"
