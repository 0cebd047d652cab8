"""Tables as Markdown, for pages, comments and summaries of CI."""

from __future__ import annotations

from collections.abc import Sequence

from initwise.findings import Table


def markdown(table: Table) -> str:
    r"""Return a table as a Markdown table, its title above and its notes below.

    >>> from initwise.findings import Column
    >>> print(markdown(Table("", (Column("name"), Column("std", "right")), (("a|b", "0.5"),))))
    | name | std |
    | --- | ---: |
    | a\|b | 0.5 |
    """
    rule = ["---:" if column.align == "right" else "---" for column in table.columns]
    lines = [f"**{markdown_line(table.title)}**", ""] if table.title else []
    lines += [_line([markdown_line(column.name) for column in table.columns]), _line(rule)]
    lines += [_line([markdown_line(cell) for cell in row]) for row in table.rows]
    return "\n".join([*lines, *(part for note in table.notes for part in ("", markdown_line(note)))])


def markdown_line(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    for sign in "\\|*_`<[":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
