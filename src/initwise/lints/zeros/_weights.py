"""Weights of zeros: those that never move, and those that let nothing pass."""

from __future__ import annotations

from collections.abc import Iterator

from initwise.findings import Finding, found
from initwise.lints._subject import Subject
from initwise.lints.zeros._motion import Motion
from initwise.model import Parameter

_KINDS = {"weight", "recurrent", "embedding"}
_SHOWN = 3


def weights_of_zeros(subject: Subject) -> Iterator[Finding]:
    """ZER401 and ZER403, from one walk over the graph; nothing without a graph or without zeros."""
    graph = subject.graph
    zero = frozenset(each.name for each in subject.parameters if subject.sample(each).zero)
    if graph is None or not zero:
        return
    moved = Motion(graph, zero.intersection(graph.parameters))
    still = moved.stuck()
    if subject.probe is None:  # else it is measured
        yield from _stuck(subject, moved, still)
    yield from _silent_weights(subject, moved, still)


def _stuck(subject: Subject, moved: Motion, still: frozenset[str]) -> Iterator[Finding]:
    """ZER401: zeros that receive no gradient, now and after all others have moved."""
    culprits = [each for each in subject.parameters if each.name in still & moved.last.zero and each.requires_grad]
    weights = [each for each in culprits if each.role in _KINDS] or culprits
    blocked = len(still) - len(weights)
    for parameter in weights:
        others = [each.name for each in weights[: _SHOWN + 2] if each is not parameter]
        yield found(
            "ZER401",
            parameter.name,
            f"all {parameter.numel():,} values are zero, and no gradient ever reaches them{_beside(others, blocked)}",
            "zeros without a gradient",
            "values that move, or zeros that do",
        )


def _silent_weights(subject: Subject, moved: Motion, still: frozenset[str]) -> Iterator[Finding]:
    """ZER403: a weight of zeros whose output is all that the next layer sees, or that alone reads the input."""
    for parameter in subject.weights:
        if not subject.sample(parameter).zero or parameter.name in still or parameter.name not in moved.first.zero:
            continue
        fed = moved.first.fed_by(parameter.name)
        if fed is not None:
            yield _silent(parameter, f"{fed.module or fed.name} sees nothing else")
        elif _is_the_only_door(subject, parameter):
            yield _silent(parameter, "nothing else reads the model's input")


def _is_the_only_door(subject: Subject, parameter: Parameter) -> bool:
    """Tell whether all that the model is given passes through this weight, and does not end there."""
    roles, graph = subject.reading.roles, subject.graph
    usage = parameter.usage
    if roles is None or graph is None or usage is None or usage.output or len(graph.inputs) != 1:
        return False
    uses = roles.uses.get(parameter.name, ())
    signals = {roles.flow.root(use.signal) for use in uses if use.signal is not None}
    readers = {operation.index for operation, _ in roles.flow.users(graph.inputs[0])}
    return signals == set(graph.inputs) and readers <= {use.operation.index for use in uses}


def _silent(parameter: Parameter, consequence: str) -> Finding:
    return found(
        "ZER403",
        parameter.name,
        f"all {parameter.numel():,} values are zero, and {consequence}",
        "a signal of zeros",
        "a drawn weight; zeros at the end of a residual branch only",
    )


def _beside(others: list[str], blocked: int) -> str:
    told = f"; nor {', '.join(others[:_SHOWN])}{', ...' if len(others) > _SHOWN else ''}" if others else ""
    return told + (f"; {blocked} parameters more learn nothing because of that" if blocked > 0 else "")
