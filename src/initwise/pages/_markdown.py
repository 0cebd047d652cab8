"""The page as Markdown: what CI puts into a comment."""

from __future__ import annotations

from initwise.findings import Finding
from initwise.pages._content import Content
from initwise.pages._curves import named
from initwise.pages._summary import facts, verdict
from initwise.signals.shown import document

_MARKS = {"error": "❌", "warning": "⚠️", "info": "ℹ️"}


def markdown(content: Content) -> str:
    """Return the summary, the findings and the signals."""
    first = verdict(content)
    parts = [f"# {content.title}", f"**{first.value}.** {first.sentence}"]
    parts.append("\n".join(f"- **{each.title}:** {each.value} ({each.sentence})" for each in facts(content)))
    if content.findings:
        lines = ["## Findings", "", "| | code | parameter | what | what to do |", "|---|---|---|---|---|"]
        parts.append("\n".join([*lines, *map(_finding, content.findings)]))
    signals = [each for name, each in named(content) if name in ("predicted", "measured")]
    if signals:
        parts.append(document(*signals))
    if content.notes:
        parts.append("\n".join(["## Notes", "", *(f"- {note}" for note in content.notes)]))
    return "\n\n".join(parts) + "\n"


def _finding(finding: Finding) -> str:
    cells = (
        f"{_MARKS[finding.severity]} {finding.severity}",
        f"`{finding.code}`",
        f"`{finding.parameter}`" + (f" and {len(finding.others)} more" if finding.others else ""),
        finding.message,
        finding.fix,
    )
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
