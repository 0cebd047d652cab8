"""A plan as tables: one row a parameter, or one row for names that differ only in numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from initwise.findings import Column, Table
from initwise.planning._row import Row
from initwise.reporting import LONG, common_name, details, fragment, paragraph, table_html, unnumbered

USAGE = (Column("operation", spare=True), Column("role", spare=True), Column("fans"), Column("blocks", spare=True))
LAW = (Column("law"), Column("std", "right"), Column("reason"))
_BLOCKS = 5  # where the cells of a line have the blocks: shape, operation, role, fans, blocks


def full(rows: Sequence[Row], notes: Iterable[str]) -> Table:
    """Return one line for each parameter."""
    lines = [(row.name, *_cells(row)) for row in rows]
    return _table((Column("parameter"),), lines, notes)


def grouped(rows: Sequence[Row], notes: Iterable[str]) -> Table:
    """Return one line for all parameters whose names differ only in numbers and whose decision is the same."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        groups.setdefault((unnumbered(row.name), *_cells(row)), []).append(row.name)
    lines = [(common_name(names), f"x{len(names)}", *key[1:]) for key, names in groups.items()]
    return _table((Column("parameters"), Column("count", "right")), lines, notes)


def html(rows: Sequence[Row], notes: Sequence[str]) -> str:
    """Return what notebooks show: every row, or where there are many the groups, and every row when one asks."""
    told = [paragraph(note) for note in notes]
    if len(rows) <= LONG:
        return fragment(table_html(full(rows, ())), *told)
    whole = details(f"All {counted(len(rows), 'parameter')}", table_html(full(rows, ())))
    return fragment(table_html(grouped(rows, ())), whole, *told)


def _table(first: tuple[Column, ...], lines: Sequence[tuple[str, ...]], notes: Iterable[str]) -> Table:
    """Return the table; a column of blocks only where a parameter packs some."""
    place = len(first) - 1 + _BLOCKS
    columns = (*first, Column("shape"), *USAGE, *LAW)
    if not any(line[place] for line in lines):
        columns = (*columns[:place], *columns[place + 1 :])
        lines = [(*line[:place], *line[place + 1 :]) for line in lines]
    return Table("", columns, tuple(lines), tuple(notes))


def footer(rows: Sequence[Row], seed: int, recipe: str, digest: str) -> str:
    """Return the line under a plan: how much, from which seed, and its digest."""
    kept = sum(row.kept for row in rows)
    elements = sum(math.prod(row.shape) for row in rows)
    parts = [counted(len(rows), "parameter"), counted(elements, "element"), f"seed {seed}"]
    parts += [f"{kept:,} kept"] if kept else []
    parts += [f"recipe {recipe}"] if recipe else []
    return ", ".join([*parts, f"digest {digest[:16]}"])


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "parameter"), counted(2048, "element")
    ('1 parameter', '2,048 elements')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _cells(row: Row) -> tuple[str, ...]:
    shape = " x ".join(map(str, row.shape)) or "scalar"
    known = row.fan_in is not None and row.fan_out is not None
    fans = f"{row.fan_in:g} -> {row.fan_out:g}" if known else ""
    blocks = " ".join(row.blocks.names) if row.blocks is not None else ""
    use = (shape, row.operation or "", row.role or "", fans, blocks)
    if row.kept:
        return *use, "kept", "", row.reason
    if row.law is None:
        return *use, repr(row.initializer), "", row.reason
    return *use, row.law.describe(), f"{row.law.std:.4g}", row.reason
