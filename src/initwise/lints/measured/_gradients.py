"""Parameters that receive no gradient, or take no part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from initwise.findings import Finding, found
from initwise.lints._gather import together
from initwise.lints._subject import Subject
from initwise.lints.measured._blame import events, upstream
from initwise.lints.measured._dead import dead
from initwise.model import Parameter
from initwise.model.graph._vocabulary import ADDITIONS
from initwise.signals import Event

_MOST = 0.9  # of the parameters; where nothing at all has a gradient, the loss is to blame


def without_gradient(subject: Subject) -> Iterator[Finding]:
    """GRD601: trained parameters take part in what reaches the loss, and no gradient comes back: one finding a cut."""
    cuts: defaultdict[int, list[Finding]] = defaultdict(list)
    for parameter in _missing(subject):
        event = _cut(subject, parameter)
        if event is not None:
            cuts[event].append(_cut_off(subject, parameter, events(subject)[event]))
    yield from map(together, cuts.values())


def flat(subject: Subject) -> Iterator[Finding]:
    """GRD601: a gradient arrives and is exactly zero, though neither zeros nor a dead layer are the cause: one finding.

    A parameter beyond its clamp, a gate shut where its slope is zero, a mask of zeros in a buffer.
    """
    probe = subject.probe
    if probe is None or not probe.still - probe.blocked:
        return
    if any(each.not_finite for each in probe.events) or any(True for _ in dead(subject)):
        return  # told already
    trained = sum(each.requires_grad for each in subject.parameters)
    if len(probe.still) >= _MOST * trained:
        return
    uses: defaultdict[str, list[Event]] = defaultdict(list)
    for event in probe.events:
        for name in event.parameters:
            uses[name].append(event)
    names = probe.still - probe.blocked
    still = [each for each in subject.parameters if each.name in names and _is_flat(subject, each, uses[each.name])]
    if still:
        yield together([_flat(each) for each in still])


def _is_flat(subject: Subject, parameter: Parameter, uses: Sequence[Event]) -> bool:
    """Tell whether a gradient of zero says something: biases before a norm and rows never looked up have none.

    Two towers of one weight that are given one input, and what takes their difference, have none either.
    """
    if parameter.usage is not None and parameter.usage.calls > 1:
        return False
    if any(_is_of_a_difference(subject, event) for event in uses):
        return False
    return parameter.requires_grad and parameter.role not in {"embedding", "bias", "position", "table", "unused"}


def _is_of_a_difference(subject: Subject, event: Event) -> bool:
    """Tell whether the signal of an event is zero because equal things were subtracted."""
    last = ""
    for before in upstream(subject, event):
        if before is not event:
            if before.second_moment:
                break
            last = before.operation
    return last in ADDITIONS


def _flat(parameter: Parameter) -> Finding:
    return found(
        "GRD601",
        parameter.name,
        "its gradient is exactly zero, and stays so: what it goes into does not change with it",
        "a gradient of zero",
        "a gradient, or requires_grad=False",
    )


def unused(subject: Subject) -> Iterator[Finding]:
    """GRD602: trained parameters that the pass never used, or whose results the loss does not see: one note for all."""
    ignored = [each for each in _missing(subject) if _cut(subject, each) is None]
    names = [each.name for each in (*_missing(subject, touched=False), *ignored)]
    if names:
        yield together([_unused(subject, name, len(names)) for name in names])


def _cut_off(subject: Subject, parameter: Parameter, user: Event) -> Finding:
    name = f"{user.operation} in {user.module}" if user.module else user.operation
    return found(
        "GRD601",
        parameter.name,
        f"it takes part in the forward pass{_place(subject, parameter)}; {name} uses what is made of it and has a"
        " gradient, and none comes back",
        "no gradient",
        "a gradient, or requires_grad=False",
    )


def _unused(subject: Subject, name: str, count: int) -> Finding:
    return found(
        "GRD602",
        name,
        "the forward pass with these inputs does not use it, or its result does not reach the loss",
        f"{count} of {len(subject.parameters)} parameters without a part in it",
        "every trained parameter has a part in the loss",
    )


def _missing(subject: Subject, *, touched: bool = True) -> list[Parameter]:
    """Return the trained parameters without a gradient, in a pass that had gradients at all."""
    probe = subject.probe
    if probe is None or all(each is None for each in probe.gradients.values()):
        return []
    return [
        each
        for each in subject.parameters
        if each.requires_grad and probe.gradients.get(each.name) is None and (each.name in probe.touched) == touched
    ]


def _cut(subject: Subject, parameter: Parameter) -> int | None:
    """Return the first event with a gradient that is made of what the parameter made; None where there is none."""
    made = {each.index for each in events(subject) if parameter.name in each.parameters}
    for event in events(subject):
        if made.intersection(event.inputs):
            if event.grad_second_moment is not None:
                return event.index
            made.add(event.index)
    return None


def _place(subject: Subject, parameter: Parameter) -> str:
    event = next((each for each in events(subject) if parameter.name in each.parameters), None)
    return f" ({event.operation}{f' at {event.line}' if event.line else ''})" if event is not None else ""
