"""The data of a page: what its script draws and lists, as JSON values."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from initwise.pages._content import Bins, Content
from initwise.pages._curves import Curves, Point, curves
from initwise.planning import Plan, Row
from initwise.signals import ParameterSignal, Signals

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
        "points": columns([_point(each, places) for each in found.points]),
        "paths": found.paths,
        "bands": _bands(found),
        "blocks": {str(place): name for place, name in labels(_blocks(found)).items()},
        "plan": columns(
            [
                _row(row, content, outputs) | {"found": codes.get(row.name, []), "verified": verdicts.get(row.name, "")}
                for row in content.plan
            ]
        ),
        "bins": columns([_bins(name, each) for name, each in content.bins.items()]),
    }


def columns(rows: Sequence[Json]) -> Json:
    """Return rows by column; where values repeat, each stands once (`of`), with which one stands where (`at`).

    >>> columns([{"n": 1, "law": "0"}, {"n": 2, "law": "0"}, {"n": 3, "law": "0"}])
    {'n': [1, 2, 3], 'law': {'of': ['0'], 'at': [0, 0, 0]}}
    """
    return {key: _column([row[key] for row in rows]) for key in (rows[0] if rows else ())}


def _column(values: list[Any]) -> list[Any] | Json:
    places: dict[str, int] = {}
    at = [places.setdefault(json.dumps(value), len(places)) for value in values]
    return {"of": [json.loads(each) for each in places], "at": at} if len(places) * 2 <= len(values) else values


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
    return {
        "m": row.module,
        "o": row.operation,
        "p": [places[name] for name in row.parameters if name in places],
        "k": "layer" if row.is_layer else "norm" if row.parameters else "path",
        "f": [_short(value) for value in point.forward],
        "b": [_short(value) for value in point.backward],
        "c": int(point.blamed),
    }


def _bins(name: str, bins: Bins) -> Json:
    shares = [_short(share) for share in bins.expected]
    return {"name": name, "low": _short(bins.low), "high": _short(bins.high), "counts": bins.counts, "expected": shares}


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
        made |= {
            f"{key}.{name}": value for name, value in _signals(row.name, signals, outputs[key].get(row.name)).items()
        }
    if content.other is not None:
        made["other"] = law_words(content.other, row.name) or "not in this plan"
    return made


def _signals(name: str, signals: Signals, output: float | None) -> Json:
    parameter = signals.parameters.get(name, ParameterSignal(name, why="it takes no part in the pass"))
    return {
        "output": _short(output),
        "gradient": _short(parameter.grad_second_moment),
        "why": parameter.why,
        "sgd": _short(parameter.update_ratios.get("sgd")),
        "adam": _short(parameter.update_ratios.get("adam")),
    }


def _short(value: float | None) -> float | str | None:
    """Return a number with four significant digits; JSON has no infinities, which are told in words."""
    if value is None or math.isfinite(value):
        return None if value is None else float(f"{value:.4g}")
    return "NaN" if math.isnan(value) else "infinite"
