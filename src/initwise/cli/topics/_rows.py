"""Rows of a plan as a table for an explanation."""

from __future__ import annotations

from collections.abc import Iterable

from initwise.findings import Column, Table
from initwise.planning import Row

_COLUMNS = (
    Column("parameter"),
    Column("shape"),
    Column("law"),
    Column("std", "right"),
    Column("fan_in", "right"),
    Column("fan_out", "right"),
)


def example_table(rows: Iterable[Row]) -> Table:
    """One line for each decision: what it is about, its law and its true fans."""
    return Table("", _COLUMNS, tuple(_cells(row) for row in rows))


def _cells(row: Row) -> tuple[str, ...]:
    law = row.law
    said, std = ("", "") if law is None else (law.describe(), f"{law.std:.4g}")
    return row.name, str(tuple(row.shape)), said, std, _fan(row.fan_in), _fan(row.fan_out)


def _fan(fan: float | None) -> str:
    return "" if fan is None else f"{fan:g}"
