"""Signals as notebooks show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from initwise.reporting import LONG, Markup, bars_svg, details, fragment, paragraph, table_html
from initwise.signals.shown._bars import Bars
from initwise.signals.shown._numbers import span
from initwise.signals.shown._sentences import chain_lines, loss_line, note_lines, unknown_lines, verdict_lines
from initwise.signals.shown._tables import alone, of_parameters

if TYPE_CHECKING:
    from initwise.signals._signals import Signals


def html(signals: Signals) -> str:
    """Return the table with bars, repeated blocks on one line; each layer if one clicks; then what is said of them."""
    folded = alone(signals, "folded", draw=_drawn)
    whole = alone(signals, "layers", draw=_drawn)
    shown = (
        table_html(folded) if len(folded.rows) <= LONG else details(folded.title, table_html(replace(folded, title="")))
    )
    parts = [shown]
    if len(whole.rows) > len(folded.rows):
        parts.append(details(f"All {len(whole.rows):,} layers", table_html(replace(whole, title="", notes=()))))
    if signals.parameters:
        told = table_html(of_parameters(signals))
        parts.append(details(f"Gradients of {len(signals.parameters):,} parameters", told))
    parts += [paragraph(each) for each in [loss_line(signals)] if each]
    parts += [paragraph(each, "good" if each.startswith("ok") else "error") for each in verdict_lines(signals)]
    parts += [paragraph(each) for each in chain_lines(signals)]
    parts += [paragraph(each, "warning") for each in unknown_lines(signals)]
    return fragment(*parts, *map(paragraph, note_lines(signals)))


def _drawn(bars: Bars, values: Sequence[float | None]) -> Markup:
    places = [None if bars.bar(each) in ("", "?", "!") else bars.place(each) for each in values]
    return bars_svg(places, span(values))
