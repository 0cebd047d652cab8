"""Tables as text: aligned and complete when piped, styled by Rich on a terminal."""

from __future__ import annotations

import io
import sys
from dataclasses import replace

from initwise.findings import Table

_READABLE = 24  # columns that the last cells of a line, which are sentences, should have at least


def text(table: Table, *, terminal: bool | None = None, width: int | None = None) -> str:
    """`table` as text, without a final line break.

    `terminal`: True styles it with Rich for a terminal; False gives plain aligned text without escape codes, never
    cut; None (the default) asks `sys.stdout`. `width` is the terminal's width in columns; plain text ignores it.

    >>> from initwise.findings import Column, Table
    >>> print(text(Table("", (Column("name"), Column("std", "right")), (("head", "0.5"),)), terminal=False))
    name  std
    ----  ---
    head  0.5
    """
    if terminal is None:
        terminal = sys.stdout.isatty()
    return _styled(table, width) if terminal else str(table)


def _styled(table: Table, width: int | None) -> str:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    sheet = io.StringIO()
    console = Console(file=sheet, force_terminal=True, width=width)
    table, fits = _narrowed(table, console.width)
    grid = RichTable(title=Text(table.title) if table.title else None, box=SIMPLE_HEAD, title_justify="left")
    for index, column in enumerate(table.columns):
        # The first column names the row. Only the last is folded, and all of them where that is not enough.
        style, whole = "bold" if index == 0 else "", fits and index < len(table.columns) - 1
        grid.add_column(Text(column.name), justify=column.align, overflow="fold", style=style, no_wrap=whole)
    for row in table.rows:
        grid.add_row(*map(Text, row))
    console.print(grid)
    for note in table.notes:
        console.print(Text(note, style="dim"))
    return sheet.getvalue().rstrip("\n")


def _narrowed(table: Table, width: int) -> tuple[Table, bool]:
    """Return the table without spare columns that leave the last no room, and whether the others then fit."""
    from rich.cells import cell_len

    cells = zip(*([column.name for column in table.columns], *table.rows), strict=True)
    needed = [max(map(cell_len, each)) + 3 for each in cells]  # two of padding, one between columns
    needed[-1] = min(needed[-1], _READABLE + 3)
    shown = list(range(len(needed)))
    for index in reversed(shown.copy()):
        if table.columns[index].spare and sum(needed[each] for each in shown) >= width:
            shown.remove(index)
    fits = sum(needed[each] for each in shown) < width
    hidden = [column.name for index, column in enumerate(table.columns) if index not in shown]
    if not hidden:
        return table, fits
    rows = tuple(tuple(row[each] for each in shown) for row in table.rows)
    notes = (*table.notes, f"not shown on a terminal of {width} columns: {', '.join(hidden)}")
    return replace(table, columns=tuple(table.columns[each] for each in shown), rows=rows, notes=notes), fits
