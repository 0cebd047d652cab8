"""Bounded activations driven to their bounds."""

from __future__ import annotations

from collections.abc import Iterator

from initwise.findings import Finding, found
from initwise.lints._subject import Subject
from initwise.lints.measured._blame import events, ideal, layer, scale, weight
from initwise.lints.measured._growth import amplifier

_SHARE = 0.5
_SPREAD = {"sigmoid": 3.0, "sigmoid_": 3.0, "special_expit": 3.0, "hardsigmoid": 2.0}  # of what goes in
_OTHERS = 1.5


def saturated(subject: Subject) -> Iterator[Finding]:
    """SIG502: most elements lie at the bounds, because what goes in varies far too much (not because of a bias)."""
    told: set[str] = set()
    for event in events(subject):
        if event.saturated is None or event.saturated <= _SHARE:
            continue
        if (event.deviation or 0.0) <= _SPREAD.get(event.operation, _OTHERS):
            continue
        near = layer(subject, event)
        source = amplifier(subject, near) if near is not None else None
        parameter = weight(subject, source) if source is not None else None
        if source is None or parameter is None or parameter.name in told:
            continue
        told.add(parameter.name)
        yield found(
            "SIG502",
            parameter.name,
            f"{event.saturated:.0%} of the output of {event.operation} in {event.module or 'the model'}"
            " lies at its bounds",
            f"std {event.deviation:.3g} before it; {scale(subject, source, parameter)}",
            f"a std near one before it: {ideal(subject, source, parameter)}",
        )
