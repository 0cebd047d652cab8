"""Which alerts a frame gives: a table of functions from the history of frames to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from initwise.findings import Finding
from initwise.monitoring import _forward, _updates
from initwise.monitoring._alert import Alert
from initwise.monitoring._seen import Seen

_TABLE: tuple[Callable[[Seen], Iterator[Finding]], ...] = (
    _forward.dead,
    _forward.saturated,
    _forward.drifted,
    _forward.collapsed,
    _forward.uneven,
    _updates.without_gradient,
    _updates.large,
    _updates.standing,
)


def alerts(seen: Seen, told: set[tuple[str, str]]) -> Iterator[Alert]:
    """Return what is new in the newest frame; what is told of a parameter or layer once is not told again."""
    if any(not row.finite for row in seen.now.layers):
        return  # the flight recorder tells
    for function in _TABLE:
        new = [each for each in function(seen) if (each.code, each.parameter) not in told]
        told.update((each.code, each.parameter) for each in new)
        if new:
            yield Alert(seen.now.step, replace(new[0], others=tuple(new[1:])))
