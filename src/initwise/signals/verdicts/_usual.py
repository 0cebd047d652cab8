"""What the recipe `auto` would give each matrix: a law to hold others against, where a plan follows it elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from initwise.errors import InitwiseError
from initwise.model import Example, Reading, TraceError, traced
from initwise.planning._decide import decided_row
from initwise.planning._resolve import resolve
from initwise.recipes import find


def in_use(reading: Reading, example: Example) -> Reading:
    """Return a reading with how a pass uses each parameter; as it is where meta cannot run the model."""
    try:
        return traced(reading, [example], given=True)
    except TraceError:
        return reading


def usual(reading: Reading | None) -> Mapping[str, float]:
    """Return by parameter the std that `auto` decides on; nothing where no pass shows how parameters are used."""
    if reading is None or reading.roles is None:
        return {}
    found: dict[str, float] = {}
    try:
        choices = resolve(reading, find("auto").rules(reading)).choices
    except InitwiseError:
        return found
    for parameter in reading.parameters:
        choice = choices[parameter.name]
        try:
            law = decided_row(parameter, parameter.name, choice).law if choice is not None else None
        except InitwiseError:
            continue
        if law is not None and law.std > 0:
            found[parameter.name] = law.std
    return found
