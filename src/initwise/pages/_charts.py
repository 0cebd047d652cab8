"""Vega-Lite specifications of the page's charts; the script puts data and colours in."""

from __future__ import annotations

from typing import Any

Spec = dict[str, Any]
_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"  # names the language; nothing is fetched
_TITLES = {"forward": "E[x²] of outputs", "backward": "E[g²] of their gradients"}


def propagation(direction: str) -> Spec:
    """Return the chart of second moments over depth: a curve for each series, the band, the culprit."""
    x = {"field": "x", "type": "quantitative", "title": "layers in the order of execution", "axis": {"grid": False}}
    y = {"field": "y", "type": "quantitative", "scale": {"type": "log"}, "title": _TITLES[direction]}
    series = {"field": "s", "type": "nominal", "title": None, "legend": {"orient": "top", "symbolStrokeWidth": 2}}
    tooltip = [
        {"field": "m", "title": "module"},
        {"field": "o", "title": "operation"},
        {"field": "p", "title": "parameter"},
        {"field": "s", "title": "series"},
        {"field": "y", "title": _TITLES[direction], "format": ".4~g"},
    ]
    return {
        "$schema": _SCHEMA,
        "width": "container",
        "height": 240,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "params": [{"name": "chosen", "value": ""}],
        "layer": [
            {
                "data": {"name": "bands"},
                "mark": {"type": "area", "opacity": 0.12, "clip": True},
                "encoding": {
                    "x": x,
                    "y": {**y, "field": "low"},
                    "y2": {"field": "high"},
                },
            },
            {
                "data": {"name": "layers"},
                "mark": {"type": "line", "strokeWidth": 1.5},
                "encoding": {"x": x, "y": y, "color": series, "strokeDash": {**series, "legend": None}},
            },
            {
                "data": {"name": "layers"},
                "mark": {"type": "point", "filled": True, "size": 28, "cursor": "pointer"},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": series,
                    "shape": series,
                    "tooltip": tooltip,
                    "size": {"condition": {"test": "datum.p === chosen", "value": 160}, "value": 28},
                },
            },
            {
                "data": {"name": "layers"},
                "transform": [{"filter": "datum.c === 1"}],
                "mark": {"type": "point", "shape": "cross", "size": 260, "strokeWidth": 2, "angle": 45},
                "encoding": {"x": x, "y": y, "color": {"value": "#d4351c"}, "tooltip": tooltip},
            },
        ],
    }


def histogram() -> Spec:
    """Return the chart of one weight: bars for its values, a line for what its law expects."""
    x = {"field": "at", "type": "quantitative", "title": "value of a weight", "axis": {"grid": False}}
    return {
        "$schema": _SCHEMA,
        "width": "container",
        "height": 160,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "layer": [
            {
                "data": {"name": "bins"},
                "mark": {"type": "bar", "opacity": 0.55},
                "encoding": {
                    "x": {**x, "bin": "binned"},
                    "x2": {"field": "to"},
                    "y": {"field": "share", "type": "quantitative", "title": "share", "axis": {"format": "%"}},
                    "tooltip": [{"field": "share", "format": ".2%"}, {"field": "expected", "format": ".2%"}],
                },
            },
            {
                "data": {"name": "bins"},
                "transform": [{"filter": "isValid(datum.expected)"}],
                "mark": {"type": "line", "strokeWidth": 2, "strokeDash": [5, 3], "interpolate": "monotone"},
                "encoding": {
                    "x": {"field": "middle", "type": "quantitative"},
                    "y": {"field": "expected", "type": "quantitative"},
                    "color": {"value": "#d4351c"},
                },
            },
        ],
    }
