"""Tables as text: aligned and complete when piped, styled by Rich on a terminal."""

from __future__ import annotations

import io
import sys

from initwise.findings import Table


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

    grid = RichTable(title=Text(table.title) if table.title else None, box=SIMPLE_HEAD, title_justify="left")
    for index, column in enumerate(table.columns):
        # The first column names the row: it is folded last and never cut.
        style = "bold" if index == 0 else ""
        grid.add_column(Text(column.name), justify=column.align, overflow="fold", style=style)
    for row in table.rows:
        grid.add_row(*map(Text, row))
    sheet = io.StringIO()
    console = Console(file=sheet, force_terminal=True, width=width)
    console.print(grid)
    for note in table.notes:
        console.print(Text(note, style="dim"))
    return sheet.getvalue().rstrip("\n")
