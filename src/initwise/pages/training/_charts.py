"""Vega-Lite specifications of the page about a training; the script puts data and colours in."""

from __future__ import annotations

from typing import Any

from initwise.pages._charts import SIZE, Spec, layer
from initwise.pages._drawn import Drawn
from initwise.pages._encoding import told, y_axis

_HEIGHT = 230
_LINES = 4  # rows that are drawn as lines
_DASHES = ([1, 0], [6, 3], [2, 3], [8, 3, 2, 3])
_TICKS = [0, *(head * 10**power for power in range(9) for head in (1, 3))]


def loss(drawn: Drawn) -> Spec:
    """Return the chart of the loss over steps, with the steps of alerts."""
    x, y = _x(max(row["x"] for rows in drawn.sets.values() for row in rows)), y_axis(drawn, "loss")
    tooltip = [told("x", "step", ","), told("y", "loss", ".4g"), told("rate", "learning rate")]
    point = {"type": "point", "size": 90, "opacity": 0.001, "filled": True}
    rule = {"type": "rule", "strokeDash": [3, 3], "strokeWidth": 1.5, "color": {"expr": "bad"}, "opacity": 0.8}
    wide = {"type": "rule", "strokeWidth": 9, "opacity": 0.001}
    alerted = [told("x", "step", ","), told("told", "alerts")]
    return _chart(
        layer("alerts", rule, x=x),
        layer("lines", {"type": "line", "strokeWidth": 2, "clip": True}, x=x, y=y),
        layer("alerts", wide, x=x, tooltip=alerted),
        layer("lines", point, x=x, y=y, tooltip=tooltip),
    )


def over_steps(last: int, *, share: bool) -> Spec:
    """Return the chart of any quantity: all rows as an area and their middle, chosen ones as lines.

    The script gives the ends of the second axis, its labels and its title: one specification serves all quantities.
    """
    x, y = _x(last), y_axis(Drawn({}, 0.0 if share else 0.1, 1.0, not share), "")
    if share:
        y["axis"] = {"format": ".0%", "tickCount": 5}
    number = ".2%" if share else ".3~g"
    area = {"type": "area", "opacity": 0.16, "clip": True, "color": {"expr": "soft"}}
    middle = {"type": "line", "strokeWidth": 1.6, "clip": True, "color": {"expr": "soft"}}
    line = {"type": "line", "strokeWidth": 2, "clip": True}
    unseen = {"type": "point", "size": 90, "opacity": 0.001, "filled": True}
    ends = [told("x", "step", ","), told("low", "least", number), told("y", "middle", number)]
    ends.append(told("high", "largest", number))
    own = [told("name", "of"), told("x", "step", ","), told("y", "about", ".2%" if share else ".2~g")]
    return _chart(
        layer("spread", area, x=x, y={**y, "field": "low"}, y2={"field": "high"}),
        layer("spread", middle, x=x, y=y),
        layer("spread", unseen, x=x, y=y, tooltip=ends),
        layer(
            "lines", line, x=x, y=y, color=_series("color"), strokeDash=_series("strokeDash"), detail={"field": "name"}
        ),
        layer("lines", {**unseen, "size": 60}, x=x, y=y, tooltip=own),
    )


def heat() -> Spec:
    """Return the map of layers over steps. The script gives rows, columns, the height, and what the colours mean."""
    x = {
        "field": "x",
        "type": "ordinal",
        "title": "step, as far as it was looked at",
        "axis": {
            "labelExpr": "steps[datum.value]",
            "labelAngle": 0,
            "labelOverlap": "greedy",
            "labelSeparation": 8,
            "grid": False,
            "ticks": False,
        },
        "scale": {"domain": [], "paddingInner": 0},
    }
    y = {
        "field": "r",
        "type": "ordinal",
        "title": None,
        "axis": {
            "labelExpr": "names[datum.value]",
            "labelOverlap": "greedy",
            "labelFontSize": 10,
            "grid": False,
            "ticks": False,
            "domain": False,
            "labelLimit": 260,
        },
        "scale": {"domain": [], "paddingInner": 0},
    }
    words = "share ? format(datum.value, '.0%') : format(pow(10, datum.value), '.1~e')"
    legend = {
        "orient": "top",
        "direction": "horizontal",
        "gradientLength": 220,
        "gradientThickness": 10,
        "title": None,
        "labelExpr": words,
        "tickCount": 4,
    }
    color = {
        "field": "v",
        "type": "quantitative",
        "scale": {"scheme": "viridis", "zero": False, "nice": False},
        "legend": legend,
    }
    tooltip = [told("name", "of"), told("step", "step", ","), told("told", "about")]
    broken: Spec = {"test": "datum.told === 'not finite'", "value": {"expr": "bad"}}
    odd: Spec = {"condition": broken, "value": {"expr": "soft"}}
    mark = {
        "type": "point",
        "shape": "triangle-up",
        "filled": True,
        "size": 70,
        "opacity": 1,
        "color": {"expr": "bad"},
        "stroke": {"expr": "paper"},
        "strokeWidth": 1.2,
    }
    chart = _chart(
        layer("cells", {"type": "rect", "clip": True}, x=x, y=y, color=color, tooltip=tooltip),
        layer("odd", {"type": "rect", "clip": True}, x=x, y=y, color=odd, tooltip=tooltip),
        layer("alerts", mark, x=x, y=y, tooltip=[told("code", "alert"), told("name", "of"), told("step", "step", ",")]),
    )
    chart["resolve"] = {"scale": {"color": "independent"}}
    more: dict[str, Any] = {"steps": [], "names": [], "share": False, "paper": "#fff"}
    chart["params"] += [{"name": name, "value": value} for name, value in more.items()]
    return chart


def _chart(*layers: Spec) -> Spec:
    params = [{"name": "bad", "value": "#b00"}, {"name": "soft", "value": "#666"}]
    return {**SIZE, "height": _HEIGHT, "params": params, "layer": list(layers)}


def _x(last: int) -> Spec:
    """Return the axis of steps: logarithmic from 1 on, with a place for step 0; the script can make it even."""
    axis = {
        "grid": False,
        "values": [each for each in _TICKS if each <= last],
        "labelOverlap": "greedy",
        "format": "~s",
    }
    scale = {"type": "symlog", "constant": 1, "nice": False}
    return {"field": "x", "type": "quantitative", "title": "step", "axis": axis, "scale": scale}


def _series(channel: str) -> Spec:
    scale: Spec = {"domain": list(range(_LINES))}
    if channel == "strokeDash":
        scale["range"] = list(_DASHES)
    return {"field": "s", "type": "nominal", "legend": None, "scale": scale}
