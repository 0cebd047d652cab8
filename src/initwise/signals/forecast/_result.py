"""From samples to `Signals`: means over samples, what is unknown and why, and how it was done."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from initwise.model import Example, Graph, Parameter, Reading
from initwise.model.graph._execution import CHOICES
from initwise.planning import Plan, Row
from initwise.signals._objective import Start
from initwise.signals._row import ParameterSignal, SignalRow
from initwise.signals._signals import Signals, Unknown
from initwise.signals.forecast._observe import Observed
from initwise.signals.forecast._samples import Drawn
from initwise.signals.forecast._table import qualified

_BEYOND = "values leave single precision (3.4e38), in which the pass is predicted"


def signals(
    reading: Reading, plan: Plan, graph: Graph, example: Example, drawn: Drawn, start: Start, notes: Sequence[str]
) -> Signals:
    """Return what samples show."""
    unknown = {index: why for sample in drawn.samples for index, why in sample.unknown.items()}
    blind = _blind(graph, unknown)
    rows = _rows(graph, drawn, unknown, blind)
    losses = [(sample.beside or (sample.loss,))[0] for sample in drawn.samples if sample.loss is not None]
    made = {index: row.index for index, row in zip(drawn.rows, rows, strict=True)}
    return Signals(
        kind="predicted",
        model=type(reading.model).__name__,
        inputs=example.description,
        rows=tuple(rows),
        parameters={row.name: _parameter(row, reading[row.name], drawn, graph, blind) for row in plan},
        loss=_mean(losses) if start.loss is not None else None,
        loss_in_words=start.words,
        outputs=tuple(dict.fromkeys(made[each] for each in _makers(graph, made))),
        unknown=_unknown(graph, unknown),
        notes=(*notes, *_notes(graph, plan, drawn), *_detached(start, drawn)),
        seeds=len(drawn.samples),
    )


def _rows(graph: Graph, drawn: Drawn, unknown: Mapping[int, str], blind: Mapping[int, str]) -> list[SignalRow]:
    places = {index: place for place, index in enumerate(drawn.rows)}
    parameters, sources = _parameters_of(graph), _sources(graph, places)
    rows = []
    for index, place in places.items():
        operation = graph.operations[index]
        seen = [sample.seen[index] for sample in drawn.samples if index in sample.seen]
        known = [] if index in unknown else [each for each in seen if math.isfinite(each.second_moment)]
        beyond = _BEYOND if len(known) < len(seen) and index not in unknown else ""
        rows.append(
            SignalRow(
                place,
                operation.module,
                operation.name,
                operation.call,
                operation.line,
                parameters[index],
                sources[index],
                tuple(graph.values[operation.outputs[0]].tensor.shape),
                why=unknown.get(index) or beyond or blind.get(index, ""),
                **_moments([] if beyond else known, is_blind=index in blind),
            )
        )
    return rows


def _moments(seen: Sequence[Observed], *, is_blind: bool) -> dict[str, Any]:
    """Return the means over samples, and how far they spread."""
    backward = [] if is_blind else seen
    return {
        "mean": _mean(each.mean for each in seen),
        "second_moment": _mean(each.second_moment for each in seen),
        "sample_correlation": _mean(each.sample_correlation for each in seen),
        "token_correlation": _mean(each.token_correlation for each in seen),
        "grad_second_moment": _mean(each.grad_second_moment for each in backward),
        "spread": _spread(each.second_moment for each in seen),
        "grad_spread": _spread(each.grad_second_moment for each in backward),
    }


def _mean(values: Iterable[float | None]) -> float | None:
    known = [each for each in values if each is not None and math.isfinite(each)]
    return fmean(known) if known else None


def _spread(values: Iterable[float | None]) -> float | None:
    logs = [math.log(each) for each in values if each is not None and 0 < each < math.inf]
    return stdev(logs) if len(logs) > 1 else None


def _parameter(row: Row, parameter: Parameter, drawn: Drawn, graph: Graph, blind: Mapping[int, str]) -> ParameterSignal:
    index = graph.parameters.get(row.name)
    users = [] if index is None else graph.values[index].users
    why = next((blind[user] for user in users if user in blind), "")
    law = row.law
    square = _mean(sample.moments.get(row.name) for sample in drawn.samples)
    if law is not None and not row.kept:
        square = law.mean**2 + law.std**2
    gradient = None if why else _mean(sample.gradients.get(row.name) for sample in drawn.samples)
    if not parameter.requires_grad:
        why = "no gradient arrives: it is frozen (requires_grad is False)"
    elif gradient is None and not why:
        why = "no gradient arrives: it takes no part in what the loss depends on"
    words = law.describe() if law is not None and not row.kept else "kept as it is" if row.kept else ""
    return ParameterSignal(row.name, words, square, gradient, why)


def _blind(graph: Graph, unknown: Mapping[int, str]) -> dict[int, str]:
    """Return the operations whose gradient is unknown, since some of it would pass what is unknown, and why.

    Where the loss does not depend on what is unknown, gradients are known all the same.
    """
    if not unknown or graph.start < 0:
        return {}
    ahead = _leading_to(graph, graph.start)
    lost = {index: why for index, why in unknown.items() if index in ahead}
    whole = graph.values[graph.start].maker in unknown
    found: dict[int, str] = {}
    for operation in reversed(graph.operations):
        users = {user for output in operation.outputs for user in graph.values[output].users}
        why = lost.get(operation.index) or next((found[user] for user in users if user in found), None)
        if why is None and whole and operation.index in ahead:
            why = unknown[graph.values[graph.start].maker]
        if why is not None:
            found[operation.index] = why
    return found


def _leading_to(graph: Graph, value: int) -> set[int]:
    """Return the operations that a value depends on."""
    found: set[int] = set()
    waiting = [graph.values[value].maker]
    while waiting:
        index = waiting.pop()
        if index >= 0 and index not in found:
            found.add(index)
            waiting += [graph.values[each].maker for each in graph.operations[index].inputs]
    return found


def _unknown(graph: Graph, unknown: Mapping[int, str]) -> tuple[Unknown, ...]:
    """Return the operations at which something became unknown, alike ones together."""
    found: dict[tuple[str, str], list[int]] = {}
    for index, why in unknown.items():
        operation = graph.operations[index]
        if not any(graph.values[each].maker in unknown for each in operation.inputs):
            found.setdefault((operation.name, why), []).append(index)
    told = []
    for (name, why), places in found.items():
        first = graph.operations[places[0]]
        told.append(Unknown(name, qualified(first.function), first.module, first.line, len(places), why))
    return tuple(told)


def _notes(graph: Graph, plan: Plan, drawn: Drawn) -> list[str]:
    shares = len(drawn.widths.sampled)
    how = "all channels" if not shares else "a sample of the channels of wide layers"
    notes = [f"means over {len(drawn.samples)} samples of the pass with {how}, in single precision"]
    notes += [f"traced with stand-ins: {fallback}" for fallback in graph.fallbacks]
    chosen = dict.fromkeys(
        each.name
        for each in graph
        if each.name in CHOICES and any(graph.values[one].kind == "constant" for one in each.outputs)
    )
    if chosen:
        notes.append(f"what {', '.join(chosen)} chose is made up where the model's Python asks which, evenly spread")
    if graph.functions:
        notes.append(
            f"{', '.join(graph.functions)} of torch.autograd.Function: gradients are those of what its forward calls;"
            " its own backward is not followed"
        )
    kept = [row.name for row in plan if row.kept]
    if kept:
        more = f" and {len(kept) - 3} more" if len(kept) > 3 else ""
        notes.append(
            f"kept parameters count with their own values, whatever law these follow: {', '.join(kept[:3])}{more}"
        )
    return notes


def _detached(start: Start, drawn: Drawn) -> list[str]:
    if start.scalar is None:
        return ["no gradient is known: the model returns nothing that a backward pass could start from"]
    if drawn.is_detached:
        return ["no gradient arrives at any parameter: all are frozen, or the outputs do not depend on them"]
    return []


def _makers(graph: Graph, made: Mapping[int, int]) -> list[int]:
    """Return the nearest told operations behind the model's outputs."""
    found = []
    for value in graph.outputs:
        index = graph.values[value].maker
        while index >= 0 and index not in made:
            inputs = graph.operations[index].inputs
            index = next((graph.values[each].maker for each in inputs if graph.values[each].maker >= 0), -1)
        if index >= 0:
            found.append(index)
    return found


def _parameters_of(graph: Graph) -> dict[int, tuple[str, ...]]:
    """Return by operation the parameters that take part, directly or as what was made of them."""
    made: dict[int, tuple[str, ...]] = {index: (name,) for name, index in graph.parameters.items()}
    signals = set(graph.fed)
    found = {}
    for operation in graph:
        taken = [each for each in operation.inputs if each not in signals]
        names = tuple(dict.fromkeys(name for each in taken for name in made.get(each, ())))
        found[operation.index] = names
        if len(taken) < len(operation.inputs):
            signals.update(operation.outputs)
        else:
            made.update(dict.fromkeys(operation.outputs, names))
    return found


def _sources(graph: Graph, places: Mapping[int, int]) -> dict[int, tuple[int, ...]]:
    """Return by operation the rows that made the signals it takes."""
    signals = dict.fromkeys(graph.fed, -1)
    found = {}
    for operation in graph:
        taken = tuple(dict.fromkeys(signals[each] for each in operation.inputs if each in signals))
        found[operation.index] = taken
        if taken:
            own = places.get(operation.index, next((each for each in taken if each >= 0), -1))
            signals.update(dict.fromkeys(operation.outputs, own))
    return found
