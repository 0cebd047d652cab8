"""Findings on a page: what is wrong, where, and what to do."""

from __future__ import annotations

from html import escape

from initwise.findings import Finding

MARKS = {"error": "✖ error", "warning": "▲ warning", "info": "ℹ info"}


def finding_html(finding: Finding, *, where: str = "", more: str = "") -> str:
    """Return a finding as an item of a list; `where` stands before its parameter, `more` below, both as HTML."""
    others = f" and {len(finding.others):,} more" if finding.others else ""
    fix = f"<p><b>What to do:</b> {escape(finding.fix)}</p>" if finding.fix else ""
    return (
        f'<li class="{finding.severity}"><p><span class="tag">{MARKS[finding.severity]}</span>'
        f" <code>{escape(finding.code)}</code> {where}<code>{escape(finding.parameter)}</code>{others}</p>"
        f"<p>{escape(finding.message)}</p>{more}{fix}</li>"
    )
