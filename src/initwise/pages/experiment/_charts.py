"""Vega-Lite specifications of the page about an experiment; the script puts data and colours in."""

from __future__ import annotations

from typing import Any

from initwise.pages._charts import SIZE, Spec, layer
from initwise.pages._drawn import Drawn
from initwise.pages._encoding import all_of, told, y_axis

DASHES = ([1, 0], [6, 3], [2, 3], [8, 3, 2, 3])  # of strategies in turn: colours are not all that tells them apart
_SHAPES = ("circle", "square", "triangle-up", "diamond")
_CROSS = "M-1,-1L1,1M-1,1L1,-1"
_HEIGHT = 280


def curves(drawn: Drawn, count: int) -> Spec:
    """Return the chart of losses over steps: a line and its interval for each strategy."""
    x = {"field": "x", "type": "quantitative", "title": "optimizer step", "axis": {"grid": False, "tickCount": 5}}
    y = y_axis(drawn, "training loss")
    tooltip = [told("name", "strategy"), told("x", "step", ","), told("y", "loss", ".4g")]
    tooltip += [told("interval", "95 % interval"), told("runs", "runs left")]
    return _chart(
        layer(
            "lines",
            {"type": "area", "opacity": 0.16, "clip": True},
            [{"filter": "isValid(datum.low) && isValid(datum.high)"}],
            x=x,
            y={**y, "field": "low"},
            y2={"field": "high"},
            color=_series("color", count),
        ),
        _line("lines", count, x=x, y=y),
        layer("lines", {"type": "point", "size": 90, "opacity": 0.001, "filled": True}, x=x, y=y, tooltip=tooltip),
    )


def seeds(drawn: Drawn, names: tuple[str, ...], title: str) -> Spec:
    """Return the chart of losses by strategy: runs of one seed are joined, bars are medians."""
    count = len(names)
    room = {"expr": f"width / {count} - 6"}
    axis = {"grid": False, "labelExpr": "names[datum.value]", "labelAngle": 0, "labelLimit": room, "title": None}
    x = {"field": "x", "type": "ordinal", "axis": axis, "scale": {"domain": list(range(count)), "type": "point"}}
    y = y_axis(drawn, title)
    tooltip = [told("name", "strategy"), told("seed", "seed"), told("y", "loss", ".4g")]
    words = {"type": "text", "fontSize": 11, "y": 8, "color": {"expr": "bad"}}
    dots = {"type": "point", "filled": True, "size": 55, "opacity": 0.9}
    bars = {"type": "tick", "thickness": 2.5, "width": 34, "orient": "horizontal"}
    joined = {"type": "line", "strokeWidth": 1, "opacity": 0.45, "color": {"expr": "soft"}}
    ink = _series("color", count)
    chart = _chart(
        layer("dots", joined, x=x, y=y, detail={"field": "seed"}),
        layer("medians", bars, x=x, y=y, color=ink),
        layer("dots", dots, x=x, y=y, color=ink, shape=_series("shape", count), tooltip=tooltip),
        layer("lost", words, x=x, text={"field": "count"}, tooltip=[told("name", "strategy"), told("count", "runs")]),
    )
    chart["params"].append({"name": "names", "value": list(names)})
    return chart


def rates(drawn: Drawn, count: int, grid: tuple[float, ...], title: str) -> Spec:
    """Return the chart of tuning: losses over learning rates, the chosen ones ringed, divergences on top."""
    axis = {"grid": False, "values": list(grid), "format": "~g", "labelOverlap": "greedy"}
    scale = {"type": "log", "padding": 16, "domain": [grid[0], grid[-1]], "nice": False}
    x = {"field": "x", "type": "quantitative", "title": "learning rate", "scale": scale, "axis": axis}
    y = y_axis(drawn, f"{title}, tuning seeds")
    tooltip = [told("name", "strategy"), told("x", "learning rate", "~g"), told("y", "loss", ".4g")]
    fate = [told("name", "strategy"), told("x", "learning rate", "~g"), told("count", "runs")]
    ring = {"type": "point", "filled": False, "size": 190, "strokeWidth": 2, "opacity": 1}
    cross = {"type": "point", "shape": _CROSS, "size": 60, "strokeWidth": 2, "y": {"expr": "8 + 11 * datum.rank"}}
    color, shape = _series("color", count), _series("shape", count)
    return _chart(
        _line("medians", count, x=x, y=y),
        layer(
            "dots", {"type": "point", "filled": True, "size": 45}, x=x, y=y, color=color, shape=shape, tooltip=tooltip
        ),
        layer("medians", ring, [{"filter": "datum.chosen === 1"}], x=x, y=y, color=color),
        layer("lost", cross, x=x, color=color, tooltip=fate),
    )


def signals(drawn: Drawn, count: int, names: dict[str, str]) -> Spec:
    """Return the chart of output sizes at initialization, in the order of execution."""
    axis = {
        "grid": False,
        "labelExpr": "names[datum.value]",
        "labelOverlap": "greedy",
        "labelLimit": 80,
        "tickMinStep": 1,
    }
    x = {"field": "x", "type": "quantitative", "title": "modules, in the order of execution", "axis": axis}
    y = y_axis(drawn, "std of outputs")
    tooltip = [told("name", "strategy"), told("module", "module"), told("y", "std", ".4g"), told("zeros", "zeros")]
    chart = _chart(
        _line("lines", count, x=x, y=y),
        layer("lines", {"type": "point", "size": 90, "opacity": 0.001, "filled": True}, x=x, y=y, tooltip=tooltip),
    )
    chart["params"].append({"name": "names", "value": names})
    return chart


def differences(drawn: Drawn, names: tuple[str, ...], margin: float | None, reference: str) -> Spec:
    """Return the chart of differences from the reference: an interval for each contender, and what does not matter."""
    count = len(names)
    words = "format(datum.value, '+.3~g')"
    if drawn.logarithmic:
        words = (
            "abs(datum.value) < 2.4 ? format(exp(datum.value) - 1, '+.0~%') : '×' + format(exp(datum.value), '.2~g')"
        )
    words = f"datum.value === 0 ? 'same' : {words}"
    axis = {"labelExpr": words, "labelOverlap": "greedy", "labelSeparation": 6, **all_of(drawn.ticks)}
    scale = {"domain": [drawn.low, drawn.high], "nice": False, "zero": False}
    title = f"loss against {reference}: left is better"
    x = {"field": "x", "type": "quantitative", "title": title, "axis": axis, "scale": scale}
    rows = {"domain": [row["s"] for row in drawn.sets["points"]]}
    labels = {"labelExpr": "names[datum.value]", "labelLimit": 110, "title": None, "grid": False, "domain": False}
    y = {"field": "s", "type": "ordinal", "scale": rows, "axis": {**labels, "ticks": False}}
    color = _series("color", count)
    tooltip = [told("name", "strategy"), told("verdict", "verdict"), told("told", "difference")]
    ends: Spec = {"x": {**x, "field": "low"}, "x2": {"field": "high"}}
    band = [layer("margin", {"type": "rect", "opacity": 0.14, "color": {"expr": "soft"}}, **ends)] if margin else []
    chart = _chart(
        *band,
        layer("zero", {"type": "rule", "color": {"expr": "soft"}, "strokeDash": [2, 2]}, x=x),
        layer("points", {"type": "rule", "strokeWidth": 2.5, "clip": True}, y=y, color=color, **ends, tooltip=tooltip),
        layer(
            "points",
            {"type": "point", "filled": True, "size": 90, "opacity": 1},
            x=x,
            y=y,
            color=color,
            shape=_series("shape", count),
            tooltip=tooltip,
        ),
    )
    chart["params"].append({"name": "names", "value": list(names)})
    return chart


def _chart(*layers: Spec) -> Spec:
    params = [{"name": "bad", "value": "#b00"}, {"name": "soft", "value": "#666"}]
    return {**SIZE, "height": _HEIGHT, "params": params, "layer": list(layers)}


def _line(name: str, count: int, **encoding: Any) -> Spec:
    mark = {"type": "line", "strokeWidth": 2, "clip": True}
    return layer(name, mark, color=_series("color", count), strokeDash=_series("strokeDash", count), **encoding)


def _series(channel: str, count: int) -> Spec:
    """Return how a channel tells strategies apart; the legend is on the page, for those who see no chart too."""
    ranges: dict[str, Any] = {"strokeDash": DASHES, "shape": _SHAPES}
    scale: Spec = {"domain": list(range(count))}
    if channel in ranges:
        scale["range"] = [ranges[channel][place % len(ranges[channel])] for place in range(count)]
    return {"field": "s", "type": "nominal", "legend": None, "scale": scale}
