"""Second moments that explode or vanish on their way, and the layer that does it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from initwise.findings import Finding, found
from initwise.lints._subject import Subject
from initwise.lints.measured._blame import advice, blamed, events, ideal, scale, weight
from initwise.signals import LAYERS, Event, Growth, Measure

_EXPLODED = 1e4  # of the second moment, from where the path begins
_VANISHED = 1e-8  # of what varies between samples
_JUMP = 1e-4  # the same, lost in one layer
_CULPRITS = 3
_GAIN = 4.0  # of a layer's second moment; layers as stock models draw them have at most 2


@dataclass(frozen=True)
class Fault:
    """A path that leaves the band.

    Attributes:
        culprit: the layer whose factor is the farthest from one.
        factor: its factor, up to the next layer.
        total: the growth where the path is out of the band.
        layers: how many layers of the path have about the same factor.
        piece: the events of the path from the culprit up to the next layer; all of it where many layers are alike.
    """

    culprit: Event
    factor: float
    total: float
    layers: int
    piece: Sequence[int]


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
    mended: set[int] = set()
    found: list[Fault] = []
    while len(found) < _CULPRITS:
        growth = Growth(events(subject), measure, subject.probe.outputs if subject.probe is not None else (), mended)
        fault = next(_leaving(subject, growth), None)
        if fault is None:
            break
        found.append(fault)
        if fault.layers > 1:  # the same all the way
            break
        mended.update(fault.piece)
    return found


def _leaving(subject: Subject, growth: Growth) -> Iterator[Fault]:
    """Yield the faults of the places where a path is out of the band, each with the layer to blame."""
    up = growth.measure == "second_moment"
    for place in _places(subject, growth):
        if not (growth.is_exposed(place) if up else place in growth.trunk):
            continue
        path = growth.path(place)
        factors = {index: factor for index, factor in factors_of(subject, growth, path).items() if factor > 0}
        if not factors or not growth.of[place]:
            continue
        worst = (max if up else min)(factors, key=factors.__getitem__)
        total = growth.of[place]
        if total > _EXPLODED if up else (total < _VANISHED or factors[worst] < _JUMP):
            yield _fault(growth, path, factors, worst, total)


def _places(subject: Subject, growth: Growth) -> Iterator[int]:
    """Yield the events whose growth matters: those that a layer takes; where signals explode, outputs too.

    What shrank on its way to a layer that a norm follows is as large as before behind it.
    """
    up = growth.measure == "second_moment"
    for event in growth.events:
        layer = event.operation in LAYERS and bool(event.parameters) and growth.main[event.index] >= 0
        if up and event.index in growth.outputs:
            yield event.index
        elif layer and (up or not _is_normed(subject, event)):
            yield growth.main[event.index]


def _is_normed(subject: Subject, event: Event) -> bool:
    parameter = weight(subject, event)
    return parameter is not None and parameter.usage is not None and parameter.usage.norm_follows


def _fault(growth: Growth, path: Sequence[int], factors: dict[int, float], worst: int, total: float) -> Fault:
    alike = [each for each in factors if _is_alike(factors[each], factors[worst])]
    if 2 * len(alike) > len(factors):
        return Fault(growth.events[alike[0]], factors[alike[0]], total, len(alike), path)
    after = next((each for each in factors if each > worst), path[-1] + 1)
    return Fault(growth.events[worst], factors[worst], total, 1, [each for each in path if worst <= each < after])


def _is_alike(one: float, other: float) -> bool:
    return abs(math.log(one / other)) < math.log(2.0) + 0.2 * abs(math.log(other))


def amplifier(subject: Subject, layer: Event) -> Event | None:
    """Return what makes a layer's output large: itself, or the layer before it with the largest factor, or None.

    A layer that only passes on a large input is not at fault.
    """
    growth = Growth(events(subject), "second_moment")
    given = layer.input_second_moment
    if given is None or layer.second_moment > _GAIN * given:
        return layer
    factors = factors_of(subject, growth, growth.path(layer.index))
    worst = max(factors, key=factors.__getitem__, default=layer.index)
    return events(subject)[worst] if factors.get(worst, 0.0) > _GAIN else None


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
        advice(subject, blamed(subject, fault.culprit)),
    )
