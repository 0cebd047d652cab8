"""The data of the page: what its script draws."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from initwise.monitoring.sinks import label
from initwise.pages._drawn import Drawn, Rows, ends, short
from initwise.pages.training._content import Training
from initwise.pages.training._grid import Grid, drawn_frames, packed

_PICKED = 3  # layers that are drawn as lines before the reader chooses some


def data(training: Training, found: Sequence[Grid]) -> dict[str, Any]:
    """Return what the page's script takes."""
    names = {name: place for place, name in enumerate(dict.fromkeys(name for each in found for name in each.names))}
    return {
        "names": list(names),
        "grids": {each.quantity.key: _grid(each, names) for each in found},
        "charts": {each.quantity.key: _chart(each) for each in found if spread(each).low is not None},
        "hints": {each.quantity.key: each.quantity.hint for each in found},
        "first": opened(training, found),
        "picked": picked(training, found),
        "links": _links(training),
        "alerts": _alerts(training),
        "sets": {"loss": loss(training).sets} | {each.quantity.key: spread(each).sets for each in found},
    }


def _grid(grid: Grid, names: Mapping[str, int]) -> dict[str, Any]:
    quantity = grid.quantity
    head = {"title": quantity.title, "share": quantity.share, "kind": quantity.kind}
    return {**head, "steps": grid.steps, "names": [names[each] for each in grid.names], "rows": packed(grid)}


def _chart(grid: Grid) -> dict[str, Any]:
    """Return what the specification that all quantities share lacks."""
    drawn = spread(grid)
    return {"domain": [drawn.low, drawn.high], "ticks": drawn.ticks, "title": grid.quantity.axis}


def opened(training: Training, found: Sequence[Grid]) -> str:
    """Return the quantity that the map of layers shows first: the one that the first alert is about."""
    keys = [each.quantity.key for each in found]
    if training.flight is not None and "signal" in keys:
        return "signal"
    codes = [alert.code for alert in sorted(training.alerts, key=lambda each: each.finding.severity != "error")]
    about = (each.quantity.key for code in codes for each in found if code in each.quantity.codes)
    return next(about, keys[0] if keys else "")


def picked(training: Training, found: Sequence[Grid]) -> list[str]:
    """Return the layers and parameters that are drawn as lines at first: those that alerts name."""
    rows = {name for each in found for name in each.names}
    layers = {name: layer for layer, names in _links(training).items() for name in names if layer in rows}
    named = (each.parameter for alert in training.alerts for each in alert.finding.each()[:1])
    return list(dict.fromkeys(layers.get(name, name) for name in named if name in rows or name in layers))[:_PICKED]


def _links(training: Training) -> dict[str, list[str]]:
    """Return by layer the parameters that it holds and that are drawn."""
    last = training.frames[-1].layers if training.frames else ()
    shown = training.matrices | training.named
    held = {label(row): [name for name in row.parameters if name in shown] for row in last if row.call == 0}
    return {layer: names for layer, names in held.items() if names}


def _alerts(training: Training) -> Rows:
    """Return where the alerts lie on the map of layers."""
    return [
        {"step": alert.step, "name": each.parameter, "code": each.code}
        for alert in training.alerts
        for each in alert.finding.each()
    ]


def loss(training: Training) -> Drawn:
    """Return the losses, and the steps of alerts."""
    frames = drawn_frames(training)
    rows: Rows = [
        {"x": each.step, "y": short(each.loss), "rate": short(each.rate)}
        for each in frames
        if each.loss is not None and math.isfinite(each.loss)
    ]
    told: dict[int, list[str]] = {}
    for alert in training.alerts:
        told.setdefault(alert.step, []).append(f"{alert.code} {alert.finding.parameter}")
    alerts = [{"x": step, "told": "; ".join(names)} for step, names in told.items()]
    return Drawn({"lines": rows, "alerts": alerts}, *ends([row["y"] for row in rows]))


def spread(grid: Grid) -> Drawn:
    """Return the least, the middle and the largest value over steps; the script adds lines of chosen rows."""
    rows: Rows = [
        {"x": step, "y": short(each[1]), "low": short(each[0]), "high": short(each[2])}
        for step, each in zip(grid.steps, grid.spread, strict=True)
        if each is not None
    ]
    sets: dict[str, Rows] = {"spread": rows, "lines": []}
    if grid.quantity.share:
        return Drawn(sets, 0.0, 1.0, logarithmic=False) if rows else Drawn(sets, None, None, logarithmic=False)
    values = [row[key] for row in rows for key in ("low", "high") if row[key]]
    return Drawn(sets, *ends(values))
