"""Parts that pages are put together from: charts, and the tables behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from initwise.findings import Table

Cell = Callable[[str, str], str]  # from a text and the attributes of its cell to the cell, as HTML


def plain_cell(text: str, kind: str) -> str:
    """Return a cell."""
    return f"<td {kind}>{escape(text)}</td>"


def table_html(table: Table, *, named: Callable[[str], str] = escape, cell: Cell = plain_cell) -> str:
    """Return a table; `named` makes the headings of columns and rows, `cell` the other cells."""
    kinds = ['class="n"' if column.align == "right" else "" for column in table.columns]
    heads = "".join(
        f'<th scope="col" {kind}>{named(column.name)}</th>' for column, kind in zip(table.columns, kinds, strict=True)
    )
    rows = "".join(_line(row, kinds, named, cell) for row in table.rows)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _line(row: Sequence[str], kinds: Sequence[str], named: Callable[[str], str], cell: Cell) -> str:
    cells = "".join(cell(text, kind) for text, kind in zip(row[1:], kinds[1:], strict=True))
    return f'<tr><th scope="row" {kinds[0]}>{named(row[0])}</th>{cells}</tr>'


def scrolled(table: str, label: str) -> str:
    """Return a table in a box of its own, that the keyboard can scroll."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(label)}">{table}</div>'


def chart(name: str, title: str) -> str:
    """Return the place where a script draws the chart of that name, below its title."""
    title = escape(title)
    return (
        f'<figcaption>{title}</figcaption><div class="chart" id="chart-{name}" role="img"'
        f' aria-label="{title}. The table beside it has the numbers."></div>'
    )


def numbers(table: str, head: str) -> str:
    """Return the numbers behind a chart, closed until they are asked for."""
    return f"<details><summary>{escape(head)}, as a table</summary>{scrolled(table, head)}</details>"


def figure(name: str, title: str, table: str, head: str, *, drawn: bool, why: str = "no number is finite") -> str:
    """Return a chart with its numbers below it."""
    if not drawn:
        said = f"<figcaption>{escape(title)}</figcaption><p>Nothing to draw: {why}.</p>"
        return f"<figure>{said}{numbers(table, head)}</figure>"
    return f"<figure>{chart(name, title)}{numbers(table, head)}</figure>"
