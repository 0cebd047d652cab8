"""Tables as small fragments of HTML that stand by themselves, as notebooks show them; no scripts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from initwise.findings import Table

LONG = 30  # rows; longer tables are closed until they are opened
# Colours are the notebook's own, and greys that are seen on white and on black.
_STYLE = """<style>
.initwise{overflow-x:auto}
.initwise table{border-collapse:collapse;margin:.4em 0;color:inherit;font-variant-numeric:tabular-nums}
.initwise caption,.initwise summary{text-align:left;padding:.2em 0;font-weight:bold}
.initwise summary{cursor:pointer}
.initwise th,.initwise td{padding:.15em .6em;text-align:left;vertical-align:top;
border:0;border-bottom:1px solid rgba(128,128,128,.3);background:transparent;color:inherit}
.initwise th,.initwise td{white-space:nowrap}
.initwise td:last-child:not(.right){white-space:normal;min-width:14em}
.initwise .right{text-align:right}
.initwise p{margin:.2em 0}
.initwise .error,.initwise .warning{border-left:.25em solid #d33;padding-left:.5em}
.initwise .warning{border-color:#b80}
.initwise .good{border-left:.25em solid #2a5;padding-left:.5em}
.initwise svg{fill:currentColor;opacity:.65}
</style>"""


class Markup(str):
    """Text that is HTML already, and is not escaped again."""

    __slots__ = ()


def fragment(*parts: str) -> str:
    """Return parts of HTML as one fragment with its style."""
    return f'<div class="initwise">{_STYLE}{"".join(filter(None, parts))}</div>'


def table_html(table: Table) -> Markup:
    """Return a table; cells that are no `Markup` are escaped.

    >>> from initwise.findings import Column
    >>> table_html(Table("", (Column("a<b"),), (("1 & 2",),)))
    '<table><thead><tr><th scope="col">a&lt;b</th></tr></thead><tbody><tr><td>1 &amp; 2</td></tr></tbody></table>'
    """
    sides = [' class="right"' if column.align == "right" else "" for column in table.columns]
    heads = "".join(
        f'<th scope="col"{side}>{marked(column.name)}</th>' for column, side in zip(table.columns, sides, strict=True)
    )
    rows = "".join(
        f"<tr>{''.join(f'<td{side}>{marked(cell)}</td>' for cell, side in zip(row, sides, strict=True))}</tr>"
        for row in table.rows
    )
    caption = f"<caption>{marked(table.title)}</caption>" if table.title else ""
    notes = "".join(paragraph(note) for note in table.notes)
    return Markup(f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{notes}")


def paragraph(text: str, kind: str = "") -> Markup:
    """Return a paragraph; `kind` marks it as good, warning or error."""
    mark = f' class="{kind}"' if kind else ""
    return Markup(f"<p{mark}>{marked(text)}</p>")


def details(summary: str, *parts: str, opened: bool = False) -> Markup:
    """Return what is shown when its summary is clicked."""
    return Markup(f"<details{' open' if opened else ''}><summary>{marked(summary)}</summary>{''.join(parts)}</details>")


def marked(text: str) -> str:
    """Return text as HTML."""
    return text if isinstance(text, Markup) else escape(text).replace("\n", "<br>")


def bars_svg(places: Sequence[float | None], words: str) -> Markup:
    """Return a little chart, a bar for each number from 0 to 1; where there is none (None), a gap with a dot.

    Args:
        places: how high each bar is.
        words: what a screen reader says, and what is shown when one points at it.
    """
    count = max(len(places), 1)
    step = min(12.0, 120 / count)
    drawn = "".join(_bar(index * step, step, place) for index, place in enumerate(places))
    return Markup(
        f'<svg role="img" width="{count * step:g}" height="16" viewBox="0 0 {count * step:g} 16">'
        f"<title>{escape(words)}</title>{drawn}</svg>"
    )


def _bar(left: float, step: float, place: float | None) -> str:
    if place is None or not math.isfinite(place):
        return f'<circle cx="{left + step / 2:.4g}" cy="14" r="1"/>'
    height = max(1.0, 16 * min(max(place, 0.0), 1.0))
    return f'<rect x="{left:.4g}" y="{16 - height:.4g}" width="{step * 0.8:.4g}" height="{height:.4g}"/>'
