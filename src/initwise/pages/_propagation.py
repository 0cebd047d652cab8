"""The section about signals: both charts with what they mean, the picture for paper, and the verdicts."""

from __future__ import annotations

import math
from html import escape

from initwise.pages._content import Content
from initwise.pages._curves import DIRECTIONS, Curves, Direction, curves, named
from initwise.pages._facts import marked
from initwise.pages._svg import style_of, svg
from initwise.signals import Verdict

_HINT = (
    '<p class="hint">How large the signal is in each layer (the mean of its squares, E[x²]), from input to output, and'
    " how large the gradient that comes back (E[g²]). Wanted is a level line; one that climbs or falls steadily grows"
    " or fades with each layer. Lines follow the path from input to output, points are the layers beside it."
    '<span class="screen"> Point at one to read it, click to choose its parameter, drag to zoom.</span></p>'
)
_TITLES: dict[Direction, str] = {
    "forward": "Forward: size of the signal, layer by layer",
    "backward": "Backward: size of the gradient, layer by layer",
}
_ZOOMS = (
    ("left", "Earlier layers", "←"),
    ("right", "Later layers", "→"),
    ("in", "Zoom in", "+"),
    ("out", "Zoom out", "−"),
    ("all", "Show all layers", "all"),
)


def signals_section(content: Content) -> str:
    """Return the section, as HTML."""
    if not named(content):
        return "<p>No signals: there were no inputs to run the model with. The notes say why.</p>"
    found = curves(content)
    charts = "".join(_figure(found, direction) for direction in DIRECTIONS)
    said = "".join(f'<li class="{_tone(each)}">{marked(each.message, _tone(each))}</li>' for each in _verdicts(content))
    verdicts = f'<ul class="verdicts" id="verdicts">{said}</ul>' if said else ""
    return f"{_legend(content, found)}{_HINT}{charts}{svg(content, 'still')}{verdicts}"


def _figure(found: Curves, direction: Direction) -> str:
    """Return one chart; where nothing can be drawn, why. What has no place on a logarithmic axis is told below it."""
    title = _TITLES[direction]
    values = [value for point in found.points for value in point.level(direction) if value is not None]
    odd = [value for value in values if not 0 < value < math.inf]
    zeros = sum(value == 0 for value in odd)
    others = len(odd) - zeros
    if len(odd) == len(values):
        why = "there are no numbers; the notes say why"
        why = "every number is exactly zero: nothing arrives" if zeros else why
        why = f"{others:,} numbers are infinite or NaN" if others else why
        return f"<figure><figcaption>{title}</figcaption><p>Nothing to draw: {why}.</p></figure>"
    counts = ((zeros, "exactly zero"), (others, "infinite or NaN"))
    left = " and ".join(
        f"{count:,} {'number is' if count == 1 else 'numbers are'} {what}" for count, what in counts if count
    )
    hint = f'<p class="hint">Not drawn, since the axis is logarithmic: {left}.</p>' if left else ""
    series = " and ".join(found.series)
    return (
        f'<figure><figcaption>{title}</figcaption><div class="chart" id="chart-{direction}" role="img"'
        f' aria-label="{title}: {escape(series)}. The verdicts below say what it shows; the table of parameters has the'
        f' numbers." aria-describedby="verdicts"></div>{hint}</figure>'
    )


def _tone(verdict: Verdict) -> str:
    return "warning" if not verdict.ok else "plain" if verdict.growth is None else "good"


def _legend(content: Content, found: Curves) -> str:
    """Return what the curves mean, and the buttons that zoom; below the first chart lie both."""
    marks = ("M0 6h28M14 6m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0", "M0 6h9M19 6h9M14 6m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0", "")
    forms = (marks[0], marks[1], "M0 6h8M20 6h8M14 1l5 9h-10z")
    series = "".join(
        f'<li><svg class="swatch k{kind}" width="28" height="12" aria-hidden="true"><path d="{forms[kind]}"/></svg>'
        f"{escape(name)}</li>"
        for name, _ in named(content)
        for kind in [style_of(name)]
    )
    blamed = any(each.culprit is not None for each in _verdicts(content))
    bad = '<li class="bad"><span aria-hidden="true">◇</span> to blame</li>' if blamed else ""
    band = '<li><span class="shade" aria-hidden="true"></span>where the path should stay</li>'
    zoom = "".join(
        f'<button type="button" data-zoom="{key}" aria-label="{said}" title="{said}">{sign}</button>'
        for key, said, sign in _ZOOMS
    )
    return (
        f'<div class="bar"><ul class="legend">{series}{band if found.bands else ""}{bad}</ul>'
        '<div class="zoom" role="group" aria-label="Range of the charts">'
        f'<output id="range" aria-live="polite"></output>{zoom}</div></div>'
    )


def _verdicts(content: Content) -> tuple[Verdict, ...]:
    return content.signals.verdicts if content.signals is not None else ()
