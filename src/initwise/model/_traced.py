"""A reading completed by a traced forward pass: each parameter's usage as the operations show it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from initwise.model._names import canonical_name, is_parallel, join, walk
from initwise.model._parameters import Parameter, Reading
from initwise.model._usage import Usage
from initwise.model.graph import Graph, TraceError, trace
from initwise.model.inputs import Example, mended
from initwise.model.roles import Roles


def traced(reading: Reading, examples: Iterable[Example], *, given: bool = False) -> Reading:
    """Return the reading with usage from a forward pass on meta; the first example that fits is taken.

    The pass runs in evaluation mode. Parameters that it does not touch are looked for in a second one, in training
    mode: some heads exist only there. Of the others one of a repeated module (an expert that no token chose) is used
    as its siblings are. What is left is read by its module's type where the inputs were built for it, or values were
    made up on the way, and counts as unused where they were `given`.

    Raises:
        TraceError: no example fits; the message has the first failure, which is the model's own error.
    """
    failure: TraceError | None = None
    for example in examples:
        for attempt in _attempts(reading, example):
            if isinstance(attempt, tuple):
                return _completed(reading, *attempt, given=given)
            failure = failure or attempt
    raise failure or TraceError("there are no example inputs for this model; give inputs=")


def _attempts(reading: Reading, example: Example) -> Iterator[tuple[Roles, Example] | TraceError]:
    """Yield what an example gives, and then what it gives as mended by the error that it met."""
    better: Example | None = example
    while better is not None:
        try:
            graph = graph_of(reading, better)
        except TraceError as error:
            yield error
            better = mended(reading.model, better, error.__cause__ or error)
        else:
            yield Roles(graph), better
            return


def graph_of(
    reading: Reading,
    example: Example,
    *,
    training: bool = False,
    modes: Callable[[nn.Module], None] | None = None,
    finish: Callable[[Any], Sequence[Any]] | None = None,
) -> Graph:
    """Return the graph of one forward pass of the model that was read; `modes` and `finish` are as for `trace`.

    Raises:
        TraceError: the pass failed.
    """
    names, auxiliary = _identities(reading)
    return trace(
        reading.model,
        example.args,
        example.kwargs,
        names=names,
        auxiliary=auxiliary,
        parallel=is_parallel(reading.model),
        words=example.description,
        training=training,
        modes=modes,
        finish=finish,
    )


def _completed(reading: Reading, roles: Roles, example: Example, *, given: bool) -> Reading:
    used = {parameter.name: roles.usage(parameter.name, parameter.usage) for parameter in reading.parameters}
    hidden = {each.name for each in reading.parameters if isinstance(each.module, torch.jit.ScriptModule)}
    used |= {name: reading[name].usage for name in hidden if not roles.uses.get(name)}  # no pass shows what they do
    missing = [name for name in used if name not in hidden and not roles.uses.get(name)]
    if missing:
        used |= _in_training(reading, example, missing)
    missing = [name for name in missing if (usage := used[name]) is None or not usage.calls]
    if missing:
        used |= _as_siblings(reading, used, missing)
        certain = given and not roles.graph.fallbacks  # on stand-ins another branch may have been taken
        for name in missing:
            by_type = reading[name].usage
            if not _is_used(used[name]) and by_type is not None and certain:
                used[name] = replace(by_type, role="unused", source="trace")
    parameters = tuple(replace(parameter, usage=used[parameter.name]) for parameter in reading.parameters)
    return replace(reading, parameters=parameters, roles=roles, notes=_notes(roles.graph, parameters))


def _is_used(usage: Usage | None) -> bool:
    return usage is not None and usage.source == "trace" and usage.role != "unused"


def _as_siblings(reading: Reading, used: dict[str, Usage | None], missing: Sequence[str]) -> dict[str, Usage | None]:
    """Return for untouched parameters of repeated modules how one of the others is used."""
    known: dict[tuple[str, tuple[int, ...]], Usage] = {}
    for name, usage in used.items():
        if usage is not None and usage.calls and _is_used(usage):
            known.setdefault((_unnumbered(name), reading[name].shape), usage)
    found = {name: known.get((_unnumbered(name), reading[name].shape)) for name in missing}
    return {name: replace(usage, calls=0) for name, usage in found.items() if usage is not None}


def _unnumbered(name: str) -> str:
    return re.sub(r"(^|\.)\d+(?=\.)", r"\1#", name)


def _in_training(reading: Reading, example: Example, names: Sequence[str]) -> dict[str, Usage]:
    try:
        roles = Roles(graph_of(reading, example, training=True))
    except TraceError:
        return {}
    found = {name: roles.usage(name, reading[name].usage) for name in names}
    return {name: usage for name, usage in found.items() if usage is not None and usage.calls}


def _notes(graph: Graph, parameters: Sequence[Parameter]) -> tuple[str, ...]:
    operations = f"{len(graph):,} operation{'' if len(graph) == 1 else 's'}"
    notes = [f"usage read from {operations} of a forward pass on meta with {graph.inputs_in_words}"]
    notes += [f"traced with stand-ins: {fallback}" for fallback in graph.fallbacks]
    unused = [parameter.name for parameter in parameters if parameter.usage and parameter.usage.role == "unused"]
    if unused:
        shown = ", ".join(unused[:4]) + (f" and {len(unused) - 4} more" if len(unused) > 4 else "")
        notes.append(f"never used in the forward pass: {shown}")
    return tuple(notes)


def _identities(reading: Reading) -> tuple[dict[int, str], frozenset[int]]:
    """Return the canonical name of every tensor behind the parameters, and which are only auxiliary."""
    parallel = is_parallel(reading.model)
    names: dict[int, str] = {}
    auxiliary: set[int] = set()
    for prefix, module in walk(reading.model):
        for attribute, tensor in module._parameters.items():
            if tensor is None:
                continue
            path = join(prefix, attribute)
            known = _parameter(reading, path, parallel=parallel)
            if known is not None:
                names[id(tensor)] = known.name
                if known.parametrized and tensor is not known.tensor:
                    auxiliary.add(id(tensor))
    return names, frozenset(auxiliary)


def _parameter(reading: Reading, path: str, *, parallel: bool) -> Parameter | None:
    for name in (path, canonical_name(path, parallel=parallel)):
        if name in reading:
            return reading[name]
    return None
