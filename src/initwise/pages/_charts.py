"""Vega-Lite specifications of the page's charts; the script puts data, colours and the ends of axes in."""

from __future__ import annotations

from typing import Any

Spec = dict[str, Any]
_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"  # names the language; nothing is fetched
_TITLES = {"forward": "E[x²] of outputs", "backward": "E[g²] of gradients"}
# Words near an end of the axis reach inwards, so that the edge does not cut them.
_SIDE = "datum.x < x0 + (x1 - x0) * 0.2 ? 'left' : datum.x > x1 - (x1 - x0) * 0.2 ? 'right' : 'center'"
SIZE = {"$schema": _SCHEMA, "width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}
# Series are told apart by colour, by the form of points and by dashes: predicted, measured, of another plan.
_RANGES: dict[str, Any] = {
    "shape": ["circle", "circle", "triangle-up"],
    "strokeDash": [[1, 0], [6, 3], [2, 3]],
}
_PARAMS: dict[str, Any] = {
    "x0": 0,
    "x1": 1,
    "y0": 0.1,
    "y1": 10,
    "ticks": [],
    "levels": [],
    "names": {},
    "chosen": [],
    "near": -1,
    "ink": "#000",
    "bad": "#b00",
}


def propagation(direction: str) -> Spec:
    """Return the chart of second moments over depth: the path of each series, the other layers, the band, the culprit.

    Its parameters are the ends of both axes, where they have labels, the labels by place, the places that are
    chosen and pointed at, and two colours.
    """
    x, y = _x(), _y(direction)
    ring = {"type": "point", "filled": False, "strokeWidth": 2, "clip": True}
    blamed = [{"filter": "datum.c === 1 && datum.first"}]
    picked = [{"filter": "datum.x === near || indexof(chosen, datum.x) >= 0"}]
    words = {
        "type": "text",
        "dy": -16,
        "align": {"expr": _SIDE},
        "fontWeight": 600,
        "limit": 240,
        "color": {"expr": "bad"},
        "clip": True,
    }
    wide = {"condition": {"test": "datum.k === 'path'", "value": 14}, "value": 32}
    hollow = {"condition": {"test": "datum.s === 1", "value": 0}, "value": 0.75}
    low = {**y, "field": "low"}
    return {
        **SIZE,
        "height": 260,
        "params": [{"name": name, "value": value} for name, value in _PARAMS.items()],
        "layer": [
            layer("bands", {"type": "area", "opacity": 0.14, "clip": True}, x=x, y=low, y2={"field": "high"}),
            layer("drag", {"type": "rect", "opacity": 0.2}, x={**x, "field": "low"}, x2={"field": "high"}),
            layer(
                "lines",
                {"type": "line", "strokeWidth": 2, "clip": True},
                x=x,
                y=y,
                detail={"field": "path"},
                color=_series("color"),
                strokeDash=_series("strokeDash"),
            ),
            layer(
                "points",
                {"type": "point", "filled": False, "strokeWidth": 1.2, "clip": True},
                x=x,
                y=y,
                color=_series("color"),
                fill=_series("color"),
                shape=_series("shape"),
                fillOpacity=hollow,
                size=wide,
            ),
            layer("points", {**ring, "shape": "diamond", "size": 240, "stroke": {"expr": "bad"}}, blamed, x=x, y=y),
            layer("points", words, blamed, x=x, y=y, text={"field": "m"}),
            layer("points", {**ring, "shape": "circle", "size": 140, "stroke": {"expr": "ink"}}, picked, x=x, y=y),
        ],
    }


def histogram() -> Spec:
    """Return the chart of one weight: bars for its values, a line for what its law expects."""
    x = {"field": "at", "type": "quantitative", "title": "value of a weight", "axis": {"grid": False, "tickCount": 5}}
    share = {"field": "share", "type": "quantitative", "title": "share of values", "axis": {"format": "%"}}
    tooltip = [{"field": "share", "format": ".2%"}, {"field": "expected", "format": ".2%"}]
    law = {"type": "line", "strokeWidth": 2, "strokeDash": [5, 3], "interpolate": "step", "color": {"expr": "bad"}}
    return {
        **SIZE,
        "height": 150,
        "params": [{"name": "bad", "value": "#b00"}],
        "layer": [
            layer(
                "bins",
                {"type": "bar", "opacity": 0.55},
                x={**x, "bin": "binned", "scale": {"zero": False}},
                x2={"field": "to"},
                y=share,
                tooltip=tooltip,
            ),
            layer(
                "bins",
                law,
                [{"filter": "isValid(datum.expected)"}],
                x={"field": "middle", "type": "quantitative"},
                y={"field": "expected", "type": "quantitative"},
            ),
        ],
    }


def _x() -> Spec:
    ends = {"domainMin": {"expr": "x0"}, "domainMax": {"expr": "x1"}, "nice": False, "zero": False}
    labels = {"values": {"expr": "ticks"}, "labelExpr": "names[datum.value]", "labelOverlap": "greedy"}
    axis = {"grid": False, "labelFlush": False, "labelLimit": 90, **labels}
    return {
        "field": "x",
        "type": "quantitative",
        "title": "blocks, in the order of execution",
        "axis": axis,
        "scale": ends,
    }


def _y(direction: str) -> Spec:
    scale = {"type": "log", "domainMin": {"expr": "y0"}, "domainMax": {"expr": "y1"}, "nice": False}
    axis = {
        "values": {"expr": "levels"},
        "labelExpr": "format(datum.value, datum.value < 0.001 || datum.value >= 10000 ? '~e' : '~g')",
    }
    return {"field": "y", "type": "quantitative", "scale": scale, "axis": axis, "title": _TITLES[direction]}


def _series(channel: str) -> Spec:
    """Return how a channel tells the series apart; the legend is on the page, for those who see no chart too."""
    own = {"domain": [0, 1, 2]} | ({"range": _RANGES[channel]} if channel in _RANGES else {})
    return {"field": "s", "type": "nominal", "legend": None, "scale": own}


def layer(name: str, mark: Spec, transform: list[Spec] | None = None, **encoding: Any) -> Spec:
    """Return a layer of a chart: a mark for each row of one of the page's sets, behind steps that choose rows."""
    steps = {"transform": transform} if transform else {}
    return {"data": {"name": name}, **steps, "mark": mark, "encoding": encoding}
