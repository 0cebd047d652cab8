"""The page about a training: text and tables that stand without a script, then what its script draws."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from initwise.findings import CATALOGUE
from initwise.monitoring import Alert
from initwise.pages._charts import Spec
from initwise.pages._facts import summary_html
from initwise.pages._findings import finding_html
from initwise.pages._frame import body, framed
from initwise.pages._sections import figure, numbers, scrolled, table_html
from initwise.pages.training import _charts, _data, _tables
from initwise.pages.training._content import Training
from initwise.pages.training._data import data
from initwise.pages.training._grid import FRAMES, Grid, grids
from initwise.pages.training._rules import code
from initwise.pages.training._summary import facts, verdict
from initwise.pages.training._svg import svg

_PARTS = {
    "summary": "Summary",
    "alerts": "Alerts",
    "layers": "Layers",
    "curves": "Curves",
    "next": "To try next",
    "notes": "Notes",
}
_SCRIPTS = ("base", "vega", "training", "paper", "start")
_ALERTS = 30  # that are shown


def html(training: Training) -> str:
    """Return the page."""
    found = grids(training)
    sections = {
        "summary": summary_html(verdict(training), facts(training)),
        "alerts": _alerts(training),
        "flight": _flight(training),
        "layers": _layers(training, found),
        "curves": _curves(training, found),
        "next": _next(training),
        "notes": "".join(f"<li>{escape(note)}</li>" for note in notes(training, found)),
    }
    plan = f" · seed {training.plan.seed} · plan {escape(training.plan.digest()[:16])}" if training.plan else ""
    return framed(
        title=training.title,
        parts=_PARTS,
        body=body("training", sections),
        origin=f"written after {training.steps:,} steps{plan}",
        data=data(training, found),
        specs=_specs(training, found),
        scripts=_SCRIPTS,
    )


def notes(training: Training, found: Sequence[Grid]) -> list[str]:
    """Return what could not be seen, and what has no room on the page."""
    left = [
        f"{each.quantity.title}: {each.left:,} more {each.quantity.kind}s have no row; the areas and middles of the"
        " curves count them"
        for each in found
        if each.left
    ]
    frames = len(training.frames)
    thinned = [f"{frames:,} steps were looked at, of which {FRAMES} are drawn"] if frames > FRAMES else []
    fixed = [
        "rows of the map of layers are layers that hold parameters or activate; of parameters, those with two axes or"
        " more; the numbers in charts are right to about 1 %, and exact in monitor.frames",
        "an alert is told once, when it is first seen; it does not say that what it names has ended",
    ]
    return [*training.notes, *thinned, *left, *fixed]


def _specs(training: Training, found: Sequence[Grid]) -> dict[str, Spec]:
    losses = _data.loss(training)
    specs = {"loss": _charts.loss(losses)} if losses.low is not None else {}
    specs |= {"heat": _charts.heat()} if found else {}
    for name, share in (("level", False), ("share", True)):
        if any(each.quantity.share == share for each in found):
            specs[name] = _charts.over_steps(training.last, share=share)
    return specs


def _alerts(training: Training) -> str:
    if not training.alerts:
        return "<p>None.</p>"
    items = "".join(_alert(each, training) for each in training.alerts[:_ALERTS])
    left = len(training.alerts) - _ALERTS
    more = f"<p>{left:,} more are in monitor.alerts.</p>" if left > 0 else ""
    return f'<ol class="findings">{items}</ol>{more}'


def _alert(alert: Alert, training: Training) -> str:
    finding = alert.finding
    law = _tables.law_of(training, finding.parameter)
    drawn = f" Law of <code>{escape(finding.parameter)}</code>: {escape(law)}." if law else ""
    said = f"<p>Measured: {escape(finding.measured)}. Expected: {escape(finding.expected)}.{drawn}</p>"
    others = ""
    if finding.others:
        table = _tables.same(training, alert)
        count = f"All {len(finding.others) + 1:,} that this is said of, with their laws"
        left = "".join(f"<p>{escape(note)}.</p>" for note in table.notes)
        others = f"<details><summary>{count}</summary>{scrolled(table_html(table), count)}{left}</details>"
    where = f"<b>{escape(CATALOGUE[finding.code].title)}</b> step {alert.step:,} "
    return finding_html(finding, where=where, more=said + others)


def _flight(training: Training) -> str:
    flight = training.flight
    if flight is None:
        return ""
    table = flight.table()
    left = "".join(f'<p class="hint">{escape(note)}</p>' for note in table.notes)
    head, shown = "The last frames before it broke", scrolled(table_html(table), "The last frames before it broke")
    return (
        f'<section id="flight"><h2>{head}</h2><p>Step {flight.step:,}: {escape(flight.where)}. The largest absolute'
        f" value of each layer, step by step, up to the first that is not finite.</p>{shown}{left}</section>"
    )


def _layers(training: Training, found: Sequence[Grid]) -> str:
    if not found:
        return "<p>No layer was seen; the notes say why.</p>"
    first = _data.opened(training, found)
    options = "".join(
        f'<option value="{each.quantity.key}"{" selected" if each.quantity.key == first else ""}>'
        f"{escape(each.quantity.title)}</option>"
        for each in found
    )
    return (
        f'{svg(training, "still")}<form class="filters screen" onsubmit="return false"><label>Show'
        f' <select id="quantity">{options}</select></label></form><figure><figcaption id="heat-title"></figcaption>'
        '<p class="hint screen" id="heat-hint"></p><div class="chart" id="chart-heat" role="img" aria-label="Map of'
        ' layers over steps. The tables below the curves have its numbers."></div></figure>'
    )


def _curves(training: Training, found: Sequence[Grid]) -> str:
    losses = _data.loss(training)
    frames = [figure("loss", "Loss", table_html(_tables.losses(training)), "Loss by step", drawn=True)]
    if losses.low is None:
        frames = ["<p>The loss was not told, or was never finite.</p>"]
    return f'{"".join(frames)}<div class="pair">{"".join(map(_curve, found))}</div>'


def _curve(grid: Grid) -> str:
    quantity = grid.quantity
    table = table_html(_tables.spread(grid))
    if _data.spread(grid).low is None:
        why = "no number is finite" if not grid.finite else "every number is exactly zero"
        return figure(quantity.key, quantity.title, table, quantity.title, drawn=False, why=why)
    chart = figure(quantity.key, quantity.title, table, quantity.title, drawn=True)
    hint = f'<p class="hint">{escape(quantity.hint)}</p>'
    return chart.replace("</figcaption>", f"</figcaption>{hint}", 1)


def _next(training: Training) -> str:
    suggestion = training.suggestion
    notes_ = "".join(f'<p class="hint">{escape(note)}.</p>' for note in suggestion.notes)
    if not suggestion:
        return f"<p>Nothing speaks for a change.</p>{notes_}"
    table = _tables.changes(training)
    left = "".join(f"<p>{escape(note)}.</p>" for note in table.notes)
    said = "<p>What was seen speaks for these changes. They prove nothing: try them, or compare both on your task.</p>"
    parts = [said, scrolled(table_html(table), "Changes to try"), left, notes_]
    lines = code(training)
    if lines:
        parts.append(
            f'<figure><figcaption>As rules</figcaption><pre class="code" tabindex="0">{escape(lines)}</pre>'
            '<button type="button" id="copy" class="screen">Copy</button><output id="copied" aria-live="polite">'
            "</output></figure>"
        )
    difference = _tables.difference(training)
    if difference is not None:
        parts.append(numbers(table_html(difference), "How the suggested plan differs"))
    return "".join(parts)
