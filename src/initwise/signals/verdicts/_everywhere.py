"""One mistake in the rule for all layers: no gain, or the bound of a uniform law where its std is meant."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import get_args

from initwise._typing import Convention
from initwise.errors import InitwiseError
from initwise.gains import gain
from initwise.signals.verdicts._flow import Flow
from initwise.signals.verdicts._laws import tolerance
from initwise.signals.verdicts._mistakes import explained
from initwise.signals.verdicts._own import activation_gain, counts, law_words
from initwise.signals.verdicts._suspect import Suspect
from initwise.signals.verdicts._weights import Weight

_ASKED = 1.3  # a gain that is missed
_NAMES = {"relu": "a ReLU", "relu6": "a ReLU6", "gelu": "a GELU", "silu": "a SiLU", "glu": "a gated linear unit"}
_MANY = 4  # layers, from which on a small factor in each is told
_CLOSE = 0.01


def without_gain(flow: Flow) -> Iterator[Suspect]:
    """Yield the first of many layers drawn with 1 / fan_in before an activation that has a gain, as a ReLU has."""
    found = []
    for row, weight in flow.layers.items():
        asked = activation_gain(flow, row)
        if row not in flow.trunks or not counts(flow, row, weight) or asked < _ASKED or not weight.fan_in:
            continue
        found.append((row, weight, asked, abs(math.log(weight.fan_in * weight.square)) < 2 * tolerance(weight)))
    if len(found) < _MANY or not all(plain for *_, plain in found):
        return
    row, weight, asked, _ = found[0]
    name = _NAMES.get(flow.follower(row), flow.follower(row))
    told = "sqrt(2)" if abs(asked**2 - 2) < _CLOSE else f"{asked:.3g}"
    yield Suspect(
        row,
        weight,
        math.prod(each**-2 for _, _, each, _ in found),
        weight.std,
        weight.std * asked,
        f"{len(found)} layers have a variance of 1 / fan_in, and {name} keeps {asked**-2:.2g} of the second moment"
        f" behind each; {weight.name} is the first, with {law_words(weight)}",
        f"the gain {told} of {name} is missing",
    )


def narrow(flow: Flow) -> Iterator[Suspect]:
    """Yield the first of many uniform laws whose bound is what the std should be: gain / sqrt(fan_in).

    A gain of one does not count: torch draws its dense layers up to 1 / sqrt(fan_in) by design.
    """
    found = list(_bounded(flow))
    if len(found) < _MANY:
        return
    row, weight, bound = found[0]
    yield Suspect(
        row,
        weight,
        3.0 ** -len(found),
        weight.std,
        bound,
        f"{len(found)} layers are uniform up to gain / sqrt(fan_in), which is what their std should be: each has"
        f" a third of the variance; {weight.name} is the first, up to {bound:.3g}",
        explained(weight, bound),
    )


def _bounded(flow: Flow) -> Iterator[tuple[int, Weight, float]]:
    """Yield the layers whose uniform law ends where the std for the activation behind them would be."""
    for row, weight in flow.layers.items():
        if weight.bound and weight.fan_in and row in flow.trunks and counts(flow, row, weight):
            asked = weight.bound * math.sqrt(weight.fan_in)
            if any(abs(math.log(asked / each)) < _CLOSE for each in _gains(flow.follower(row))):
                yield row, weight, weight.bound


def _gains(name: str) -> set[float]:
    """Return the gains that an activation may be drawn with: for the second moment, and torch's own constant."""
    found = set()
    for convention in get_args(Convention):
        with suppress(InitwiseError):
            found.add(gain(name, convention=convention))
    return found - {1.0}
