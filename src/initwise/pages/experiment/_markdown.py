"""The page about an experiment as Markdown: what CI puts into a comment."""

from __future__ import annotations

from initwise.comparison import Comparison
from initwise.findings import Table
from initwise.pages.experiment import _tables
from initwise.pages.experiment._html import notes
from initwise.pages.experiment._summary import edges, facts, verdict
from initwise.reporting import markdown as table_markdown
from initwise.reporting import markdown_line


def markdown(comparison: Comparison, title: str) -> str:
    """Return the summary and the tables."""
    first = verdict(comparison)
    parts = [f"# {markdown_line(title)}", f"**{markdown_line(first.value)}.** {markdown_line(first.sentence)}"]
    told = [f"- **{each.title}:** {markdown_line(f'{each.value} ({each.sentence})')}" for each in facts(comparison)]
    parts.append("\n".join(told))
    for head, table in _sections(comparison):
        parts += [f"## {head}", table_markdown(table)]
    lines = [f"- {markdown_line(each)}" for each in (*edges(comparison), *notes(comparison))]
    return "\n\n".join([*parts, "## Notes", "\n".join(lines)]) + "\n"


def _sections(comparison: Comparison) -> list[tuple[str, Table]]:
    found = [
        ("Verdicts", _tables.verdicts(comparison)),
        ("Losses by seed", _tables.seeds(comparison)),
        ("Training loss by step", _tables.curves(comparison)),
    ]
    if len(comparison.experiment.design.rates) > 1:
        found.append(("Median loss by learning rate", _tables.rates(comparison)))
    signals = _tables.signals(comparison)
    return [*found, ("Signals at initialization, seed 0", signals)] if signals is not None else found
