"""Reports as notebooks show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from initwise.findings import Finding
from initwise.reporting._html import LONG, Markup, details, fragment, marked, paragraph, table_html
from initwise.reporting._names import common_name, unnumbered

if TYPE_CHECKING:
    from initwise.reporting._report import Report


def report_html(report: Report) -> str:
    """Return a report: its verdict, its findings, what was set aside, and its rows where one clicks."""
    kind = "good" if not report.findings else "warning" if report.ok else "error"
    parts = [
        paragraph(Markup(f"<b>{marked(report.title)}</b>")) if report.title else "",
        paragraph(report.verdict(), kind),
        *(_finding(each) for each in report.findings[:LONG]),
    ]
    others = report.findings[LONG:]
    if others:
        parts.append(details(f"{len(others):,} more findings", *map(_finding, others)))
    parts += [paragraph(f"note: {each}") for each in report.notes]
    if report.table.rows:
        parts.append(details(f"{len(report.table.rows):,} rows", table_html(report.table)))
    return fragment(*parts)


def _finding(finding: Finding) -> Markup:
    alike: dict[str, list[str]] = {}
    for each in finding.each():
        alike.setdefault(unnumbered(each.parameter), []).append(each.parameter)
    names = ", ".join(map(common_name, alike.values()))
    said = f"<b>{marked(finding.code)} {marked(names)}</b> {marked(finding.message)}"
    more = f"measured {finding.measured}; expected {finding.expected}"
    fix = f"<br>fix: {marked(finding.fix)}" if finding.fix else ""
    return paragraph(Markup(f"{said}<br>{marked(more)}{fix}"), "error" if finding.severity == "error" else "warning")
