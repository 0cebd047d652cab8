"""The report: the result of a check, as rows, findings and a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from initwise.findings import Finding, Table
from initwise.reporting._json import plain
from initwise.reporting._text import text


@dataclass(frozen=True)
class Report:
    """What a check found. `ok` is True where no finding is an error; `print(report)` shows it to people.

    `rows` holds one value for each thing that was checked (dataclasses or objects with `to_dict`), `table` the same
    as text cells, `findings` what is not as it should be.
    """

    title: str
    table: Table
    findings: tuple[Finding, ...] = ()
    rows: tuple[Any, ...] = ()

    @property
    def ok(self) -> bool:
        """True where no finding has the severity "error"."""
        return all(finding.severity != "error" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data, ready for `json.dumps`."""
        return {
            "title": self.title,
            "ok": self.ok,
            "findings": [finding.to_dict() for finding in self.findings],
            "rows": plain(self.rows),
        }

    def text(self, *, terminal: bool | None = None, width: int | None = None) -> str:
        """The report as text: its table, its findings and one line with the verdict."""
        parts = [self.title] if self.title and self.title != self.table.title else []
        if self.table.rows:
            parts.append(text(self.table, terminal=terminal, width=width))
        parts += [str(finding) for finding in self.findings]
        return "\n\n".join([*parts, self.verdict()])

    def verdict(self) -> str:
        """One line: how many things were checked and how many findings there are, by severity."""
        checked = f"{len(self.rows)} checked"
        if not self.findings:
            return f"{checked}: nothing found."
        counts = [(level, sum(f.severity == level for f in self.findings)) for level in ("error", "warning", "info")]
        return f"{checked}: " + ", ".join(f"{n} {level}{_plural(level, n)}" for level, n in counts if n) + "."

    def __str__(self) -> str:
        return self.text()


def _plural(level: str, count: int) -> str:
    return "s" if count != 1 and level != "info" else ""
