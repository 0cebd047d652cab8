"""One explanation as a value: a title, a sentence, and sections of lines or a table; rendered as text or as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from initwise.findings import Table
from initwise.reporting import text


@dataclass(frozen=True)
class Section:
    """A heading with lines, a table, or both below it."""

    heading: str
    lines: tuple[str, ...] = ()
    table: Table | None = None

    def text(self, *, terminal: bool | None = None) -> str:
        """The section as text: its heading, then its lines and its table, indented."""
        parts = ["\n".join(self.lines)] if self.lines else []
        parts += [text(self.table, terminal=terminal)] if self.table is not None else []
        return f"{self.heading}\n" + "\n\n".join(_indented(part) for part in parts)

    def to_dict(self) -> dict[str, Any]:
        """The section as plain data; a table's rows become dictionaries by column."""
        data: dict[str, Any] = {"heading": self.heading, "lines": list(self.lines)}
        if self.table is not None:
            heads = [column.name for column in self.table.columns]
            data["rows"] = [dict(zip(heads, row, strict=True)) for row in self.table.rows]
        return data


@dataclass(frozen=True)
class Topic:
    """What there is to say about one name."""

    name: str
    kind: str
    summary: str
    sections: tuple[Section, ...] = ()

    def text(self, *, terminal: bool | None = None) -> str:
        """The whole explanation as text."""
        return "\n\n".join([self.name, self.summary, *(section.text(terminal=terminal) for section in self.sections)])

    def to_dict(self) -> dict[str, Any]:
        """The whole explanation as plain data."""
        return {
            "name": self.name,
            "kind": self.kind,
            "summary": self.summary,
            "sections": [section.to_dict() for section in self.sections],
        }


def _indented(part: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in part.splitlines())
