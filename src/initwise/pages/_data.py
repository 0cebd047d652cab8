"""The data of a page: what its script draws and lists, as JSON values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from initwise.pages._content import Content
from initwise.planning import Plan, Row
from initwise.signals import ParameterSignal, SignalRow, Signals, Verdict

Json = dict[str, Any]


def data(content: Content) -> Json:
    """Return what the page's script takes."""
    layers = _layers(content)
    return {
        "version": version("initwise"),
        "layers": layers,
        "bands": _bands(content),
        "plan": [_row(row, content, layers) for row in content.plan],
        "bins": {
            name: {"low": _short(each.low), "high": _short(each.high), "counts": each.counts, "expected": each.expected}
            for name, each in content.bins.items()
        },
    }


def named(content: Content) -> list[tuple[str, Signals]]:
    """Return the signals that there are, each with what its curve is called."""
    other = f"predicted, {content.other_name}"
    pairs = [("predicted", content.predicted), ("measured", content.measured), (other, content.other_predicted)]
    return [(name, signals) for name, signals in pairs if signals is not None]


def _layers(content: Content) -> list[Json]:
    """Return a point for each layer, series and direction; points of one layer share their place."""
    places: dict[tuple[str, str, int, int], int] = {}
    points: list[Json] = []
    blamed = {row for verdict in _verdicts(content) for row in ([verdict.culprit.row] if verdict.culprit else [])}
    for name, signals in named(content):
        for key, row in signals.numbered.items():
            if not row.parameters:
                continue
            place = places.setdefault(key, len(places))
            for direction, value in (("forward", row.second_moment), ("backward", row.grad_second_moment)):
                if value is not None and 0 < value < math.inf:
                    points.append(_point(place, name, direction, value, row, is_blamed=row.index in blamed))
    return points


def _point(place: int, name: str, direction: str, value: float, row: SignalRow, *, is_blamed: bool) -> Json:
    point = {
        "x": place,
        "s": name,
        "d": direction,
        "y": _short(value),
        "m": row.module or "(root)",
        "o": row.operation,
        "p": row.parameters[0],
    }
    return point | ({"c": 1} if is_blamed else {})


def _verdicts(content: Content) -> Sequence[Verdict]:
    return content.signals.verdicts if content.signals is not None else ()


def _bands(content: Content) -> list[Json]:
    """Return for each direction between which levels the longest path should stay, from where it begins."""
    signals = content.signals
    found: list[Json] = []
    if signals is None:
        return found
    layers = [row for row in signals if row.parameters]
    places = {row.index: place for place, row in enumerate(layers)}
    for direction in ("forward", "backward"):
        paths = [each for each in signals.verdicts if each.direction == direction and each.steps]
        if paths:
            found += _band(max(paths, key=lambda each: len(each.steps)), signals, places)
    return found


def _band(verdict: Verdict, signals: Signals, places: Mapping[int, int]) -> list[Json]:
    is_forward = verdict.direction == "forward"
    steps = verdict.steps if is_forward else verdict.steps[::-1]
    first = signals.rows[steps[0].rows[0 if is_forward else 1]]
    level = first.second_moment if is_forward else first.grad_second_moment
    if not level:
        return []
    low = high = level
    found = []
    for step in steps:
        low, high = low * verdict.band[0], high * verdict.band[1]
        place = places.get(step.rows[1 if is_forward else 0])
        if place is not None:
            found.append({"x": place, "d": verdict.direction, "low": _short(low), "high": _short(high)})
    return found


def _row(row: Row, content: Content, layers: Sequence[Json]) -> Json:
    law = row.law
    made: Json = {
        "name": row.name,
        "aliases": list(row.aliases),
        "shape": "x".join(map(str, row.shape)) or "scalar",
        "n": row.numel,
        "law": "kept as it is" if row.kept else law.describe() if law is not None else repr(row.initializer),
        "std": None if law is None or row.kept else _short(law.std),
        "fan_in": row.fan_in,
        "fan_out": row.fan_out,
        "role": row.role or "",
        "operation": row.operation or "",
        "rule": row.rule,
        "reason": row.reason,
        "found": [finding.code for finding in content.findings if row.name in (finding.parameter, *finding.others)],
    }
    for key, signals in (("predicted", content.predicted), ("measured", content.measured)):
        made[key] = _signals(row.name, signals)
    if content.other is not None:
        made["other"] = _other(content.other, row.name)
    return made


def _signals(name: str, signals: Signals | None) -> Json | None:
    parameter: ParameterSignal | None = None if signals is None else signals.parameters.get(name)
    if signals is None or parameter is None:
        return None
    output = next((row.second_moment for row in signals if name in row.parameters), None)
    gradient = parameter.grad_second_moment
    return {
        "output": None if output is None else _short(output),
        "gradient": None if gradient is None else _short(gradient),
        "why": parameter.why,
        **{key: _short(value) for key, value in parameter.update_ratios.items()},
    }


def _other(plan: Plan, name: str) -> str:
    row = plan[name]
    return "kept as it is" if row.kept else row.law.describe() if row.law is not None else repr(row.initializer)


def _short(value: float) -> float | None:
    """Return a number with four significant digits; JSON has no infinities."""
    return float(f"{value:.4g}") if math.isfinite(value) else None
