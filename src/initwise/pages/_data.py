"""The data of a page: what its script draws and lists, as JSON values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from initwise.pages._content import Content
from initwise.pages._curves import Curves, Point, curves
from initwise.planning import Plan, Row
from initwise.signals import Signals

Json = dict[str, Any]
_MANY = 4  # labels of blocks that begin alike lose what they share


def data(content: Content) -> Json:
    """Return what the page's script takes."""
    found = curves(content)
    places = {row.name: place for place, row in enumerate(content.plan)}
    outputs = {key: _outputs(signals) for key, signals in _kinds(content).items()}
    codes = _codes(content)
    verdicts = {row.name: row.verdict for row in content.verified.rows} if content.verified is not None else {}
    return {
        "series": found.series,
        "points": [_point(each, places) for each in found.points],
        "paths": found.paths,
        "bands": _bands(found),
        "blocks": {str(place): name for place, name in labels(_blocks(found)).items()},
        "plan": [
            _row(row, content, outputs) | {"found": codes.get(row.name, []), "verified": verdicts.get(row.name, "")}
            for row in content.plan
        ],
        "bins": {
            name: {"low": _short(each.low), "high": _short(each.high), "counts": each.counts, "expected": each.expected}
            for name, each in content.bins.items()
        },
    }


def _blocks(found: Curves) -> Mapping[int, str]:
    """Return the names below the axis: of blocks, or of all modules where no path is known."""
    return found.blocks or {point.place: point.row.module for point in found.points}


def labels(blocks: Mapping[int, str]) -> dict[int, str]:
    """Return the names of blocks without the parts that all of them begin with.

    >>> labels({3: "model.h.0", 7: "model.h.1", 9: "model.h.2", 12: "model.h.3"})
    {3: '0', 7: '1', 9: '2', 12: '3'}
    """
    names = [name.split(".") for name in blocks.values()]
    shared = 0
    while len(names) >= _MANY and all(len(each) > shared + 1 and each[shared] == names[0][shared] for each in names):
        shared += 1
    return {place: ".".join(name.split(".")[shared:]) for place, name in blocks.items()}


def law_words(plan: Plan, name: str) -> str:
    """Return the law of a parameter in a few signs; "" where the plan does not have it."""
    if name not in plan:
        return ""
    row = plan[name]
    return "kept as it is" if row.kept else row.law.describe() if row.law is not None else repr(row.initializer)


def _kinds(content: Content) -> dict[str, Signals]:
    pairs = (("predicted", content.predicted), ("measured", content.measured))
    return {key: signals for key, signals in pairs if signals is not None}


def _outputs(signals: Signals) -> dict[str, float | None]:
    """Return E[x^2] of the first output that each parameter makes."""
    found: dict[str, float | None] = {}
    for row in signals:
        for name in row.parameters:
            found.setdefault(name, row.second_moment)
    return found


def _codes(content: Content) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for finding in content.findings:
        for each in finding.each():
            known = found.setdefault(each.parameter, [])
            known += [] if each.code in known else [each.code]
    return found


def _point(point: Point, places: Mapping[str, int]) -> Json:
    row = point.row
    made = {
        "m": row.module,
        "o": row.operation,
        "p": [places[name] for name in row.parameters if name in places],
        "k": "layer" if row.is_layer else "norm" if row.parameters else "path",
        "f": [_short(value) for value in point.forward],
        "b": [_short(value) for value in point.backward],
    }
    return made | ({"c": 1} if point.blamed else {})


def _bands(found: Curves) -> Json:
    return {
        side: [{"x": place, "low": _short(low), "high": _short(high)} for place, low, high in corners]
        for side, corners in (found.bands or {}).items()
    }


def _row(row: Row, content: Content, outputs: Mapping[str, Mapping[str, float | None]]) -> Json:
    law = row.law
    made: Json = {
        "name": row.name,
        "aliases": list(row.aliases),
        "shape": "×".join(map(str, row.shape)) or "scalar",
        "n": row.numel,
        "law": law_words(content.plan, row.name),
        "std": None if law is None or row.kept else _short(law.std),
        "fan_in": row.fan_in,
        "fan_out": row.fan_out,
        "role": row.role or "",
        "operation": row.operation or "",
        "rule": row.rule,
        "reason": row.reason,
    }
    for key, signals in _kinds(content).items():
        made[key] = _signals(row.name, signals, outputs[key].get(row.name))
    if content.other is not None:
        made["other"] = law_words(content.other, row.name) or "not in this plan"
    return made


def _signals(name: str, signals: Signals, output: float | None) -> Json | None:
    parameter = signals.parameters.get(name)
    if parameter is None:
        return None
    return {
        "output": _short(output),
        "gradient": _short(parameter.grad_second_moment),
        "why": parameter.why,
        **{key: _short(value) for key, value in parameter.update_ratios.items()},
    }


def _short(value: float | None) -> float | str | None:
    """Return a number with four significant digits; JSON has no infinities, which are told in words."""
    if value is None or math.isfinite(value):
        return None if value is None else float(f"{value:.4g}")
    return "NaN" if math.isnan(value) else "infinite"
