"""The page about a training as Markdown: what a log or a comment holds."""

from __future__ import annotations

from collections.abc import Iterator

from initwise.findings import CATALOGUE, Table
from initwise.pages.training import _tables
from initwise.pages.training._content import Training
from initwise.pages.training._grid import grids
from initwise.pages.training._html import notes
from initwise.pages.training._rules import code
from initwise.pages.training._summary import facts, verdict
from initwise.reporting import markdown as table_markdown
from initwise.reporting import markdown_line


def markdown(training: Training) -> str:
    """Return the summary, the alerts, the tables and the suggestion."""
    first, found = verdict(training), grids(training)
    parts = [f"# {markdown_line(training.title)}", f"**{markdown_line(first.value)}.** {markdown_line(first.sentence)}"]
    told = [f"- **{each.title}:** {markdown_line(f'{each.value} ({each.sentence})')}" for each in facts(training)]
    parts += ["\n".join(told)] if told else []
    parts += ["## Alerts", "\n".join(_alerts(training)) or "None."]
    if training.flight is not None:
        parts += ["## The last frames before it broke", table_markdown(training.flight.table())]
    parts += ["## Curves", "### Loss", table_markdown(_tables.losses(training))]
    for grid in found:
        parts += [f"### {markdown_line(grid.quantity.title)}", table_markdown(_tables.spread(grid))]
    parts += ["## To try next", *_next(training)]
    lines = [f"- {markdown_line(each)}" for each in notes(training, found)]
    return "\n\n".join([*parts, "## Notes", "\n".join(lines)]) + "\n"


def _alerts(training: Training) -> Iterator[str]:
    for alert in training.alerts:
        one = alert.finding
        more = f" and {len(one.others):,} more" if one.others else ""
        law = _tables.law_of(training, one.parameter)
        said = f"{CATALOGUE[one.code].title}, step {alert.step}, {one.parameter}{more}: {one.message}."
        said += f" Measured: {one.measured}. Expected: {one.expected}." + (f" Law: {law}." if law else "")
        yield f"- **{one.code}** {one.severity}: {markdown_line(said)} {markdown_line(one.fix)}"


def _next(training: Training) -> Iterator[str]:
    suggestion = training.suggestion
    if not suggestion:
        yield "Nothing speaks for a change."
    else:
        yield table_markdown(_tables.changes(training))
    if suggestion.notes:
        yield "\n".join(f"- {markdown_line(note)}" for note in suggestion.notes)
    if suggestion.rules:
        lines = code(training)
        fence = "`" * 3
        while fence in lines:
            fence += "`"
        yield f"{fence}python\n{lines}\n{fence}"
    difference: Table | None = _tables.difference(training)
    if difference is not None:
        yield "### How the suggested plan differs"
        yield table_markdown(difference)
