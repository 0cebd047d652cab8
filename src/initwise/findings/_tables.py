"""Results as text cells: a table and its columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from initwise.errors import ArgumentError

Align = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its heading, the side its cells stand on, and whether a narrow terminal may do without."""

    name: str
    align: Align = "left"
    spare: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A result as text cells, ready to be rendered for a terminal, a file or a page; `str` is plain aligned text."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for index, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ArgumentError(
                    f"Table: row {index} of {self.title!r} has {len(row)} cells, but there are {len(self.columns)}"
                    f" columns; give one cell for each of {[column.name for column in self.columns]}."
                )

    def __str__(self) -> str:
        heads = tuple(column.name for column in self.columns)
        widths = [max(map(len, cells)) for cells in zip(heads, *self.rows, strict=True)]
        lines = [self.title, ""] if self.title else []
        rule = tuple("-" * width for width in widths)
        lines += [self._line(row, widths) for row in (heads, rule, *self.rows)]
        return "\n".join([*lines, "", *self.notes] if self.notes else lines)

    def _line(self, row: tuple[str, ...], widths: list[int]) -> str:
        cells = (
            cell.rjust(width) if column.align == "right" else cell.ljust(width)
            for cell, width, column in zip(row, widths, self.columns, strict=True)
        )
        return "  ".join(cells).rstrip()
