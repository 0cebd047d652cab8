"""Encodings of Vega-Lite that the pages about experiments and trainings share."""

from __future__ import annotations

from initwise.pages._charts import Spec
from initwise.pages._drawn import Drawn


def y_axis(drawn: Drawn, title: str) -> Spec:
    """Return the second axis, with room on top for divergences."""
    top = 8 + 11 * drawn.lost if drawn.lost else 0
    scale: Spec = {"nice": False, "zero": False, "domain": [drawn.low, drawn.high], "range": [{"expr": "height"}, top]}
    if drawn.logarithmic:
        scale["type"] = "log"
        del scale["zero"]
    big = "abs(datum.value) < 0.001 || abs(datum.value) >= 10000"
    words = f"format(datum.value, datum.value !== 0 && ({big}) ? '~e' : '~g')"
    axis = {"labelExpr": words, **all_of(drawn.ticks), "labelOverlap": False}
    return {"field": "y", "type": "quantitative", "scale": scale, "axis": axis, "title": title}


def all_of(ticks: list[float]) -> Spec:
    """Return labels at all of these places: Vega leaves out every other one where they are more than it counts on."""
    return {"values": ticks, "tickCount": max(len(ticks), 1)}


def told(field: str, title: str, form: str = "") -> Spec:
    """Return a line of what the pointer tells."""
    return {"field": field, "title": title} | ({"format": form, "type": "quantitative"} if form else {})
