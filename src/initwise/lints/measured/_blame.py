"""Which parameter an event's finding names, and what its scale is and should be."""

from __future__ import annotations

import math
from collections.abc import Iterator

from initwise.errors import InitwiseError
from initwise.fans import fans
from initwise.gains import gain
from initwise.lints._subject import Subject
from initwise.model import Parameter
from initwise.model.graph._vocabulary import ACTIVATIONS
from initwise.signals import LAYERS, Event

_KINDS = {"weight", "recurrent", "embedding"}


def events(subject: Subject) -> tuple[Event, ...]:
    """Return the events of the measured pass; none where there was no pass."""
    return subject.probe.events if subject.probe is not None else ()


def upstream(subject: Subject, event: Event) -> Iterator[Event]:
    """Yield an event and those that it continues, along the first of its inputs, back to the model's input."""
    while True:
        yield event
        before = next((each for each in event.inputs if each >= 0), -1)
        if before < 0:
            return
        event = events(subject)[before]


def layer(subject: Subject, event: Event) -> Event | None:
    """Return the nearest event, itself or upstream, in which a weight takes part."""
    return next((each for each in upstream(subject, event) if weight(subject, each) is not None), None)


def weight(subject: Subject, event: Event) -> Parameter | None:
    """Return the largest weight that takes part in an event."""
    found = [subject.reading[name] for name in event.parameters if name in subject.reading]
    weights = [each for each in found if each.role in _KINDS or (each.role is None and each.ndim > 1)]
    return max(weights, key=Parameter.numel, default=None)


def blamed(subject: Subject, event: Event) -> str:
    """Return the canonical name of the weight to blame for an event; that of its module where no weight is near."""
    near = layer(subject, event)
    parameter = weight(subject, near) if near is not None else None
    return parameter.name if parameter is not None else event.module or event.operation


def fan_in(event: Event, parameter: Parameter) -> float | None:
    """Return the true fan_in of a weight in an event; None where its axes are unknown."""
    if parameter.role == "embedding" and event.operation in LAYERS:
        return float(parameter.shape[-1])  # a table that is the output layer too
    if parameter.axes is None:
        return None
    try:
        return float(fans(parameter.shape, parameter.axes).fan_in)
    except InitwiseError:
        return None


def scale(subject: Subject, event: Event, parameter: Parameter) -> str:
    """Return in words the scale that a weight has."""
    counted = fan_in(event, parameter)
    std = f"std {subject.sample(parameter).std:.3g}"
    return std if counted is None else f"{std}, fan_in {counted:g}"


def ideal(subject: Subject, event: Event, parameter: Parameter) -> str:
    """Return in words the scale that would keep the second moment through this layer and the activation after it."""
    counted = fan_in(event, parameter)
    if not counted:
        return "a scale that keeps the signal's second moment"
    name = follower(subject, event).rstrip("_")
    try:
        factor = gain(name) if name else 1.0
    except InitwiseError:
        name, factor = "", 1.0
    source = f"the gain of {name}" if name else "1"
    return f"std {factor / math.sqrt(counted):.3g}, {source} over sqrt({counted:g})"


def advice(subject: Subject, name: str) -> str:
    """Return what to do about a parameter that the signal speaks against, with numbers; "" where it does not."""
    culprit = subject.culprits.get(name)
    return culprit.fix if culprit is not None else ""


def follower(subject: Subject, event: Event) -> str:
    """Return the activation that takes an event's output; "" for none."""
    users = [each.operation for each in events(subject)[event.index + 1 :] if event.index in each.inputs]
    return next((name for name in users if name in ACTIVATIONS), "")
