"""The first operation whose output, or whose gradient, is not finite."""

from __future__ import annotations

import math
from collections.abc import Iterator

from initwise.findings import Finding, found
from initwise.lints._subject import Subject
from initwise.lints.measured._blame import blamed, events, weight
from initwise.signals import Event


def not_finite(subject: Subject) -> Iterator[Finding]:
    """SIG506: NaN or infinity in the forward pass, where all that went in was finite; or first in the backward pass."""
    forward = _first(subject)
    if forward is not None:
        yield _finding(subject, forward, forward.not_finite, "output")
        return
    backward = next((each for each in reversed(events(subject)) if not _is_finite(each.grad_second_moment)), None)
    if backward is not None:
        yield _finding(subject, backward, "not finite", "gradient")


def _first(subject: Subject) -> Event | None:
    """Return the first event with NaN, or with infinities that reach an output; infinities of masks are meant."""
    known = events(subject)
    outputs = subject.probe.outputs if subject.probe is not None else ()
    ends_badly = any(known[each].not_finite for each in outputs if each >= 0)
    infinite: Event | None = None
    for event in known:
        if event.not_finite == "nan":
            return infinite if infinite is not None and _reaches(subject, infinite, event) else event
        fresh = not any(known[each].not_finite for each in event.inputs if each >= 0)
        if infinite is None and event.not_finite == "inf" and fresh and not event.designed:
            infinite = event
    return infinite if ends_badly else None


def _reaches(subject: Subject, first: Event, last: Event) -> bool:
    reached = {first.index}
    for event in events(subject)[first.index + 1 : last.index + 1]:
        if reached.intersection(event.inputs):
            reached.add(event.index)
    return last.index in reached


def _is_finite(number: float | None) -> bool:
    return number is None or math.isfinite(number)


def _finding(subject: Subject, event: Event, what: str, where: str) -> Finding:
    words = {"nan": "NaN", "inf": "infinity"}.get(what, what)
    origin = f" at {event.line}" if event.line else ""
    name = f"{event.operation} in {event.module}" if event.module else event.operation
    return found(
        "SIG506",
        event.parameters[0] if event.parameters and weight(subject, event) is None else blamed(subject, event),
        f"the {where} of {name}{origin} is the first that is not finite",
        words,
        "finite numbers",
    )
