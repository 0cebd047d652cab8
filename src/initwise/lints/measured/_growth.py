"""Second moments that explode or vanish on their way, and the layer that does it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from initwise.findings import Finding, found
from initwise.lints._subject import Subject
from initwise.lints.measured._blame import blamed, events, ideal, scale, weight
from initwise.signals import LAYERS, Event, Growth, Measure

_EXPLODED = 1e4  # of the second moment, from where the path begins
_VANISHED = 1e-8  # of what varies between samples
_JUMP = 1e-4  # the same, lost in one layer
_CULPRITS = 3


@dataclass(frozen=True)
class Fault:
    """A path that leaves the band.

    Attributes:
        culprit: the layer whose factor is the farthest from one.
        factor: its factor, up to the next layer.
        total: the growth where the path is out of the band.
        layers: how many layers of the path have about the same factor.
    """

    culprit: Event
    factor: float
    total: float
    layers: int


def exploding(subject: Subject) -> Iterator[Finding]:
    """SIG503: the second moment grows by four orders of magnitude before a layer or the output."""
    for fault in exploded(subject):
        yield _finding("SIG503", subject, fault)


def vanishing(subject: Subject) -> Iterator[Finding]:
    """SIG504: what varies between samples shrinks by eight orders of magnitude, or by four in one layer."""
    for fault in vanished(subject):
        yield _finding("SIG504", subject, fault)


def exploded(subject: Subject) -> list[Fault]:
    """Return the faults of growth, each with the layer to blame."""
    return _faults(subject, "second_moment")


def vanished(subject: Subject) -> list[Fault]:
    """Return the faults of shrinking, each with the layer to blame."""
    return _faults(subject, "variation")


def _faults(subject: Subject, measure: Measure) -> list[Fault]:
    ideal: set[int] = set()
    found: list[Fault] = []
    while len(found) < _CULPRITS:
        growth = Growth(events(subject), measure, subject.probe.outputs if subject.probe is not None else (), ideal)
        fault, path = _first(subject, growth)
        if fault is None:
            break
        found.append(fault)
        ideal.update(path)
    return found


def _first(subject: Subject, growth: Growth) -> tuple[Fault | None, Sequence[int]]:
    """Return the first fault and the events that count as mended from then on."""
    up = growth.measure == "second_moment"
    outputs = set(growth.outputs)
    for event in growth.events:
        before = growth.main[event.index]
        place = event.index if up and event.index in outputs else before
        if place < 0 or not ((event.operation in LAYERS and event.parameters) or (up and event.index in outputs)):
            continue
        path = growth.path(place)
        factors = factors_of(subject, growth, path)
        if not factors:
            continue
        total = growth.of[place]
        worst = max(factors, key=lambda index: abs(math.log(factors[index] or 1e-30)))
        exploded = total > _EXPLODED and growth.is_exposed(place)
        out = exploded if up else 0 < total < _VANISHED or 0 < factors[worst] < _JUMP
        if out:
            alike = [each for each in factors if _alike(factors[each], factors[worst])]
            culprit = alike[0] if len(alike) * 2 > len(factors) else worst
            fault = Fault(growth.events[culprit], factors[culprit], total, len(alike))
            mended = path if culprit != worst or len(alike) * 2 > len(factors) else _piece(factors, path, culprit)
            return fault, mended
    return None, ()


def factors_of(subject: Subject, growth: Growth, path: Sequence[int]) -> dict[int, float]:
    """Return by layer of a path the growth from it up to the next layer."""
    found: dict[int, float] = {}
    last: int | None = None
    for index in path:
        event = growth.events[index]
        if event.operation in LAYERS and event.parameters and weight(subject, event) is not None:
            last = index
            found[last] = 1.0
        if last is not None:
            found[last] *= growth.factor(index)
    return found


def _piece(factors: dict[int, float], path: Sequence[int], culprit: int) -> list[int]:
    """Return the events from a layer up to the next one."""
    after = [each for each in factors if each > culprit]
    return [each for each in path if each >= culprit and (not after or each < after[0])]


def _alike(one: float, other: float) -> bool:
    return one > 0 and other > 0 and abs(math.log(one / other)) < math.log(2.0) + 0.2 * abs(math.log(other))


def _finding(code: str, subject: Subject, fault: Fault) -> Finding:
    parameter = weight(subject, fault.culprit)
    what = "second moment" if code == "SIG503" else "variation between samples"
    more = f", and in each of {fault.layers} layers on its way" if fault.layers > 1 else ""
    return found(
        code,
        blamed(subject, fault.culprit),
        f"the {what} of the signal becomes {fault.factor:.3g} times as large in this layer{more},"
        f" {fault.total:.3g} times in all",
        scale(subject, fault.culprit, parameter) if parameter is not None else f"a factor of {fault.factor:.3g}",
        ideal(subject, fault.culprit, parameter) if parameter is not None else "a factor near one",
    )
