"""Layers that make the signal much larger or smaller by themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator

from initwise.errors import InitwiseError
from initwise.gains import gain
from initwise.model.graph._vocabulary import RECURRENT
from initwise.signals._growth import BOUNDED
from initwise.signals.verdicts._flow import Flow
from initwise.signals.verdicts._laws import house_laws, matrices
from initwise.signals.verdicts._mistakes import explained
from initwise.signals.verdicts._suspect import Suspect
from initwise.signals.verdicts._weights import MATRICES, Weight

_HIGH, _LOW = 12.0, 1 / 60  # of a layer's factor of E[x^2], as a share of what its activation asks for
_RECURRENT = 4.0  # the same of a weight that takes what it made before, over and over
_HOUSE_HIGH = 25.0  # of a layer that has the std of most others: wide layers may well have more than asked for
_HOUSE = 0.6  # of the matrices with one std
_LONG = 60  # of a law in words


def growing(flow: Flow) -> Iterator[Suspect]:
    """Yield layers whose own factor of E[x^2] is far off, and are not drawn as most others of the model are."""
    house, told = house_numbers(flow), False
    for row, weight in _matrices(flow):
        if not counts(flow, row, weight):
            continue
        factor = own_factor(flow, row, weight)
        target = activation_gain(flow, row) ** 2
        if factor is None or factor <= 0 or _LOW < factor / target < _highest(weight):
            continue
        if weight.name in house:
            if factor / target < _HOUSE_HIGH or told:
                continue
            told = True  # the number is wrong for all; the first stands for them
        if factor < target and not _matters(flow, row):
            continue
        wanted = weight.std * math.sqrt(target / factor)
        yield Suspect(
            row,
            weight,
            factor / target,
            weight.std,
            wanted,
            f"{weight.name} has {law_words(weight)}: it makes the second moment {factor:.3g} times as large",
            explained(weight, wanted),
        )


def _highest(weight: Weight) -> float:
    return _RECURRENT if weight.role == "recurrent" else _HIGH


def _matrices(flow: Flow) -> Iterator[tuple[int, Weight]]:
    """Yield the layers, and of a recurrent one each of its matrices."""
    for row, weight in flow.layers.items():
        if flow.rows[row].operation in RECURRENT:
            found = [flow.weights[name] for name in flow.rows[row].parameters if name in flow.weights]
            yield from ((row, each) for each in found if each.role in MATRICES)
        else:
            yield row, weight


def own_factor(flow: Flow, row: int, weight: Weight) -> float | None:
    """Return the factor of E[x^2] of a layer: fan_in E[w^2], as measured where fans are unknown or blocks differ."""
    if weight.role == "embedding":
        return None if weight.fan_out is None else weight.fan_out * weight.square
    if weight.fan_in:
        return weight.fan_in * weight.square
    return flow.factor(row) if flow.main[row] >= 0 else None


def activation_gain(flow: Flow, row: int) -> float:
    """Return the gain of the activation that takes a layer's output; 1 for none and for bounded ones."""
    name = flow.follower(row)
    if not name or name in BOUNDED:
        return 1.0
    try:
        return gain(name)
    except InitwiseError:
        return 1.0


def house_numbers(flow: Flow) -> frozenset[str]:
    """Return the matrices that share one std with most others: a number for all, chosen for wide layers."""
    members = matrices(flow.weights.values())
    laws = house_laws(members)
    if laws and len(laws[0].names) >= max(_HOUSE * len(members), 4):
        return laws[0].names
    return frozenset()


def counts(flow: Flow, row: int, weight: Weight) -> bool:
    """Tell whether the scale of a layer matters: no norm, no lookup behind it, not an output layer."""
    looked_up = weight.role == "embedding"
    return not (weight.zero or looked_up or row in flow.heads or flow.scale_free(row))


def _matters(flow: Flow, row: int) -> bool:
    """Tell whether a small layer is no branch that may start small."""
    return not any(flow.depends(branch, row) and flow.depends(row, stream) for stream, branch in flow.joins.values())


def law_words(weight: Weight) -> str:
    """Return a weight's law, or its std where that is long."""
    return weight.law if len(weight.law) < _LONG else f"std {weight.std:.3g}"
