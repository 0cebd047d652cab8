"""Layers that make the signal much larger or smaller by themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator

from initwise.errors import InitwiseError
from initwise.gains import gain
from initwise.model.graph._vocabulary import RECURRENT
from initwise.signals._growth import BOUNDED
from initwise.signals.verdicts._flow import HOMOGENEOUS, Flow
from initwise.signals.verdicts._laws import PLAIN, house_laws, matrices, tolerance
from initwise.signals.verdicts._mistakes import explained
from initwise.signals.verdicts._suspect import Suspect
from initwise.signals.verdicts._weights import MATRICES, Weight

_HIGH, _LOW = 12.0, 1 / 90  # of a layer's factor of E[x^2], as a share of what its activation asks for
_RECURRENT = 4.0  # the same of a weight that takes what it made before, over and over
_UNBOUNDED = 1.5  # where nothing bounds what it makes: once a step
_HOUSE_HIGH = 25.0  # of a layer that has the std of most others: wide layers may well have more than asked for
_HOUSE = 0.6  # of the matrices with one std
_GATED = {"glu": 1.8461}  # 1 / sqrt(E[sigmoid(z)^2]): one half gates the other
_LONG = 60  # of a law in words


def growing(flow: Flow) -> Iterator[Suspect]:
    """Yield layers whose own factor of E[x^2] is far off, and are not drawn as most others of the model are."""
    house, told = house_numbers(flow), False
    for row, weight in contracted(flow):
        excess = _excess(flow, row, weight)
        if excess is None or (weight.name in house and (told or excess < _HOUSE_HIGH)):
            continue
        told = told or weight.name in house  # the number is wrong for all; the first stands for them
        wanted = weight.std / math.sqrt(excess)
        factor = excess * activation_gain(flow, row) ** 2
        yield Suspect(
            row,
            weight,
            excess,
            weight.std,
            wanted,
            f"{weight.name} has {law_words(weight)}: it makes the second moment {factor:.3g} times as large",
            explained(weight, wanted),
        )


def _excess(flow: Flow, row: int, weight: Weight) -> float | None:
    """Return by what a layer's factor is too large or too small; None where it is neither, or does not matter."""
    if not counts(flow, row, weight) or flow.rows[row].grad_second_moment == 0:
        return None
    over_and_over = weight.role == "recurrent" and flow.rows[row].operation == "rnn_relu"
    own, target = own_factor(flow, row, weight), 2.0 if over_and_over else activation_gain(flow, row) ** 2
    seen = measured_factor(flow, row)
    seen = own if seen is None or flow.rows[row].operation in RECURRENT else seen
    if not own or not seen:
        return None
    if min(own, seen) / target > (_UNBOUNDED if over_and_over else _highest(weight)):
        return own / target
    small = max(own, seen) / target < _LOW and row in flow.trunks and not flow.begins(row)
    small = small and not flow.is_normed_behind(row)  # around zero an activation is a line
    return own / target if small else None


def measured_factor(flow: Flow, row: int) -> float | None:
    """Return the growth in a layer and the numbers that its output is multiplied with; None where it is unknown.

    Inputs of the model count as having a second moment of one.
    """
    before, end = flow.main[row], row
    while len(flow.users[end]) == 1 and flow.quiet(flow.users[end][0]):
        end = flow.users[end][0]
    if not flow.is_known(before) or not flow.is_known(end) or not flow.level(before):
        return None
    return flow.level(end) / flow.level(before)


def _highest(weight: Weight) -> float:
    return _RECURRENT if weight.role == "recurrent" else _HIGH


def contracted(flow: Flow) -> Iterator[tuple[int, Weight]]:
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
    if name in _GATED:
        return _GATED[name]
    if not name or name in BOUNDED:
        return 1.0
    try:
        return gain(name)
    except InitwiseError:
        return 1.0


def is_right(flow: Flow, row: int) -> bool:
    """Tell whether a layer has what keeps the second moment exactly, before a ReLU or the next layer."""
    weight, name = flow.layers[row], flow.follower(row)
    own = own_factor(flow, row, weight)
    if not own or (name and name not in HOMOGENEOUS):
        return False
    return abs(math.log(own / activation_gain(flow, row) ** 2)) < 3 * tolerance(weight)


def house_numbers(flow: Flow) -> frozenset[str]:
    """Return the matrices that share one law with most others, as one std for all that was chosen for wide layers."""
    members = matrices(flow.weights.values())
    found: set[str] = set()
    for schemes in (PLAIN, ("usual",)):
        laws = house_laws(members, schemes)
        if laws and len(laws[0].names) >= max(_HOUSE * len(members), 4):
            found |= laws[0].names
    return frozenset(found)


def counts(flow: Flow, row: int, weight: Weight) -> bool:
    """Tell whether the scale of a layer matters and is its own: no lookup, no output layer, no norm behind it.

    Where a layer takes two signals, as experts with their gates in one product, its factor says nothing of its weight;
    a bilinear one counts the pairs of their elements as its fan_in.
    """
    mixed = len(flow.rows[row].inputs) > 1 and flow.rows[row].operation not in RECURRENT | {"bilinear"}
    looked_up = weight.role == "embedding"
    return not (weight.zero or looked_up or mixed or row in flow.heads or flow.scale_free(row))


def law_words(weight: Weight) -> str:
    """Return a weight's law, or its std where that is long."""
    return weight.law if len(weight.law) < _LONG else f"std {weight.std:.3g}"
