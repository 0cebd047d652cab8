"""The report: the result of a check, as rows, findings and a table."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from initwise.findings import SEVERITIES, Finding, Place, Table, bare
from initwise.reporting._json import plain
from initwise.reporting._listing import further, listing
from initwise.reporting._names import common_name, unnumbered
from initwise.reporting._report_html import report_html
from initwise.reporting._text import text as table_text

_ASIDE = ("not analysed", "not testable")


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A finding that is meant so, and the reason that was given for it."""

    finding: Finding
    reason: str


@dataclass(frozen=True)
class Report:
    """What a check found. `ok` is True where no finding is an error; `print(report)` shows it to people.

    Attributes:
        title: which check this is.
        table: the rows as text cells.
        findings: what is not as it should be.
        rows: one value for each thing that was checked (dataclasses or objects with `to_dict`). A row whose `verdict`
            begins with "not analysed" or "not testable" was not judged, and is counted apart.
        suppressed: findings that were declared as meant, each with its reason.
        known: findings that a baseline holds already.
        notes: what else is worth knowing: how the model was read, what a suppression did not match.
        places: where each parameter and module stands: its shape, and the class that owns it with its source line.
        listed: whether `print` shows the table.
    """

    title: str
    table: Table
    findings: tuple[Finding, ...] = ()
    rows: tuple[Any, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    known: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict, repr=False)
    listed: bool = True

    @property
    def ok(self) -> bool:
        """True where no finding has the severity "error"."""
        return all(finding.severity != "error" for finding in self.findings)

    @property
    def counts(self) -> dict[str, int]:
        """How many there are of each: rows that were judged, findings by severity, and what was set aside."""
        aside = [verdict for verdict in map(_verdict, self.rows) if verdict.startswith(_ASIDE)]
        found = {f"{level}s": sum(f.severity == level for f in self.findings) for level in SEVERITIES}
        return {
            "checked": len(self.rows) - len(aside),
            **found,
            "suppressed": len(self.suppressed),
            "known": len(self.known),
            **{kind: sum(verdict.startswith(kind) for verdict in aside) for kind in _ASIDE},
        }

    def place(self, parameter: str) -> Place | None:
        """Return where the subject of a finding stands: a parameter, a part of one, or the nearest module around it."""
        name = bare(parameter)
        while name and name not in self.places:
            name = name.rpartition(".")[0]
        return self.places.get(name)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data, ready for `json.dumps`."""
        return {
            "title": self.title,
            "ok": self.ok,
            "counts": self.counts,
            "findings": [finding.to_dict() for finding in self.findings],
            "suppressed": [{**each.finding.to_dict(), "reason": each.reason} for each in self.suppressed],
            "known": [finding.to_dict() for finding in self.known],
            "notes": list(self.notes),
            "rows": plain(self.rows),
        }

    def text(self, *, terminal: bool | None = None, width: int | None = None, rows: bool | None = None) -> str:
        """The report as text: its table, its findings and one line with the verdict.

        `terminal` and `width` are as for a table; `rows` says whether the table is shown (default: `listed`).
        """
        terminal = sys.stdout.isatty() if terminal is None else terminal
        columns = (width or shutil.get_terminal_size().columns) if terminal else None
        shown = bool(self.table.rows) and (self.listed if rows is None else rows)
        parts = [self.title] if self.title and not (shown and self.title == self.table.title) else []
        parts += [table_text(self.table, terminal=terminal, width=width)] if shown else []
        parts += [listing(self.findings, width=columns)] if self.findings else []
        parts += ["\n".join(said)] if (said := [*self._aside(), *(f"note: {each}" for each in self.notes)]) else []
        return "\n\n".join([*parts, "\n".join(filter(None, [self.verdict(), further(self.findings)]))])

    def verdict(self) -> str:
        """One line: how many things were checked and how many findings there are, by severity; what was set aside."""
        counts = self.counts
        found = [_counted(counts[f"{level}s"], level) for level in SEVERITIES if counts[f"{level}s"]]
        aside = [f"{counts[kind]:,} {kind}" for kind in ("suppressed", "known", *_ASIDE) if counts[kind]]
        said = [", ".join(found) or "nothing found", *([", ".join(aside)] if aside else [])]
        return f"{counts['checked']:,} checked: {'; '.join(said)}."

    def _aside(self) -> list[str]:
        """Return a line for each reason why something was not judged: silence would look like a pass."""
        groups: dict[tuple[str, str], list[str]] = {}
        for row in self.rows:
            if _verdict(row).startswith(_ASIDE):
                groups.setdefault((_verdict(row), unnumbered(row.name)), []).append(row.name)
        reasons: dict[str, list[str]] = {}
        for (verdict, _), names in groups.items():
            reasons.setdefault(verdict, []).append(common_name(names))
        return [f"{verdict}: {', '.join(names)}" for verdict, names in reasons.items()]

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        """What notebooks show."""
        return report_html(self)


def _verdict(row: Any) -> str:
    return str(getattr(row, "verdict", ""))


def _counted(number: int, level: str) -> str:
    return f"{number:,} {level}{'s' if number != 1 and level != 'info' else ''}"
