"""Gradients that explode or vanish on their way back through the layers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from initwise.findings import Finding, found
from initwise.lints._subject import Subject
from initwise.lints.measured._blame import advice, blamed, events, weight
from initwise.lints.measured._growth import exploded, vanished
from initwise.signals import LAYERS, Event, Growth

_BAND = 1e9  # of the sum of squares, between the layers of the main path
_AT_ONCE = 0.7  # of a loss in one layer: by design, as behind a small layer scale, or because its terms cancel


def uneven(subject: Subject) -> Iterator[Finding]:
    """GRD603: the gradient's sum of squares changes by nine orders of magnitude along the main path.

    Where the signal itself explodes or vanishes, that finding says it already.
    """
    path = main_path(subject)[:-1]  # an output layer may be as small as it likes
    if len(path) < 2 or exploded(subject) or vanished(subject):
        return
    energies = [_energy(each) for each in path]
    total = math.log(energies[0] / energies[-1])
    jumps = [math.log(one / other) / total for one, other in pairwise(energies)] if total else [0.0]
    place = max(range(len(jumps)), key=jumps.__getitem__)
    by_design = total < 0 and jumps[place] > _AT_ONCE
    if abs(total) > math.log(_BAND) and not by_design:
        alike = [each for each in jumps if each > jumps[place] / 2]
        yield _finding(subject, path, energies, -1 if 2 * len(alike) > len(jumps) else place)


def main_path(subject: Subject) -> list[Event]:
    """Return the layers on the main path to the first output, in the order of execution, as far as gradients go."""
    if subject.probe is None:
        return []
    growth = Growth(events(subject), "second_moment")
    index = next((each for each in subject.probe.outputs if each >= 0), -1)
    found: list[Event] = []
    while index >= 0:
        event = growth.events[index]
        if event.operation in LAYERS and weight(subject, event) is not None and _energy(event) > 0:
            found.append(event)
        index = growth.main[index]
    return found[::-1]


def _energy(event: Event) -> float:
    moment = event.grad_second_moment
    return moment * math.prod(event.shape) if moment is not None and math.isfinite(moment) else 0.0


def _finding(subject: Subject, path: list[Event], energies: list[float], place: int) -> Finding:
    ratio = energies[0] / energies[-1]
    each = ratio ** (1 / (len(path) - 1))
    jump = energies[place] / energies[place + 1] if place >= 0 else each
    where = "in this layer" if place >= 0 else f"in each of {len(path) - 1} layers"
    return found(
        "GRD603",
        blamed(subject, path[place + 1]),
        f"the gradient's sum of squares {'grows' if ratio > 1 else 'shrinks'} by {max(ratio, 1 / ratio):.3g} from the"
        f" last of {len(path)} layers back to the first",
        f"a factor of {jump:.3g} {where}",
        "factors near one",
        advice(subject, blamed(subject, path[place + 1])),
    )
