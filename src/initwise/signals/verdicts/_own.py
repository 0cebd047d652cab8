"""Layers that make the signal much larger or smaller by themselves, and chains that do so together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median

from initwise.errors import InitwiseError
from initwise.gains import gain
from initwise.model.graph._vocabulary import RECURRENT
from initwise.signals._growth import BOUNDED
from initwise.signals.verdicts._flow import Flow
from initwise.signals.verdicts._laws import house_laws, matrices, tolerance
from initwise.signals.verdicts._mistakes import explained
from initwise.signals.verdicts._suspect import Suspect
from initwise.signals.verdicts._weights import MATRICES, Weight

_HIGH, _LOW = 12.0, 1 / 60  # of a layer's factor of E[x^2], as a share of what its activation asks for
_EXPLODED, _VANISHED = 1e2, 1e-4  # of a chain without norms
_APART = math.log(5.0)  # how far one layer's factor is from those of the others on its chain
_ITSELF = math.log(4.0)  # the same of a layer's own factor, from what its activation asks for
_RELUS = frozenset({"relu", "relu6", "leaky_relu", "prelu", "rrelu"})
_WITHOUT_GAIN = 4  # layers, from which on half of the second moment in each is told
_HOUSE = 0.6  # of the matrices with one std


def growing(flow: Flow) -> Iterator[Suspect]:
    """Yield layers whose own factor of E[x^2] is far off, and are not drawn as most others of the model are."""
    house = _common(flow)
    for row, weight in _matrices(flow):
        if not _counts(flow, row, weight) or weight.name in house:
            continue
        factor = own_factor(flow, row, weight)
        target = activation_gain(flow, row) ** 2
        if factor is None or factor <= 0 or _LOW < factor / target < _HIGH:
            continue
        if factor < target and not _matters(flow, row):
            continue
        wanted = weight.std * math.sqrt(target / factor)
        yield Suspect(
            row,
            weight,
            factor / target,
            weight.std,
            wanted,
            f"{weight.name} has {_law(weight)}: it makes the second moment {factor:.3g} times as large",
            explained(weight, wanted),
        )


def _matrices(flow: Flow) -> Iterator[tuple[int, Weight]]:
    """Yield the layers, and of a recurrent one each of its matrices."""
    for row, weight in flow.layers.items():
        if flow.rows[row].operation in RECURRENT:
            found = [flow.weights[name] for name in flow.rows[row].parameters if name in flow.weights]
            yield from ((row, each) for each in found if each.role in MATRICES)
        else:
            yield row, weight


def chains(flow: Flow) -> Iterator[Suspect]:
    """Yield who is to blame where a chain without norms leaves its band: the odd layer, or the first of all."""
    for output in flow.last:
        for chain in _chains(flow, output):
            yield from _judged(flow, chain)


def without_gain(flow: Flow) -> Iterator[Suspect]:
    """Yield the first of many layers that are drawn with 1 / fan_in before a ReLU, which keeps half of that."""
    found = []
    trunk = {index for output in flow.last for index in flow.trunk(output)}
    for row, weight in flow.layers.items():
        if row not in trunk or not _counts(flow, row, weight) or flow.follower(row) not in _RELUS or not weight.fan_in:
            continue
        found.append((row, weight, abs(math.log(weight.fan_in * weight.square)) < 2 * tolerance(weight)))
    if len(found) < _WITHOUT_GAIN or not all(plain for _, _, plain in found):
        return
    row, weight, _ = found[0]
    yield Suspect(
        row,
        weight,
        0.5 ** len(found),
        weight.std,
        weight.std * math.sqrt(2.0),
        f"{len(found)} layers before a ReLU have a variance of 1 / fan_in, so that each keeps half of the second"
        f" moment; {weight.name} is the first, with {_law(weight)}",
        explained(weight, weight.std * math.sqrt(2.0)),
    )


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


def _common(flow: Flow) -> frozenset[str]:
    """Return the matrices that share one std with most others: a number for all, chosen for wide layers."""
    members = matrices(flow.weights.values())
    laws = house_laws(members)
    if laws and len(laws[0].names) >= max(_HOUSE * len(members), 4):
        return laws[0].names
    return frozenset()


def _counts(flow: Flow, row: int, weight: Weight) -> bool:
    """Tell whether the scale of a layer matters: no norm, no lookup behind it, not an output layer."""
    looked_up = weight.role == "embedding"
    return not (weight.zero or looked_up or row in flow.heads or flow.scale_free(row))


def _matters(flow: Flow, row: int) -> bool:
    """Tell whether a small layer is no branch that may start small."""
    return not any(flow.depends(branch, row) and flow.depends(row, stream) for stream, branch in flow.joins.values())


def _chains(flow: Flow, output: int) -> Iterator[list[int]]:
    """Yield the main path to an output in pieces: each from the input, a norm or a lookup to the next one."""
    piece: list[int] = []
    for index in flow.trunk(output):
        if flow.begins(index) or index in flow.joins or flow.mixes(index):
            yield piece
            piece = []
        piece.append(index)
    yield piece


def _judged(flow: Flow, chain: Sequence[int]) -> Iterator[Suspect]:
    layers = [each for each in chain if each in flow.layers and _counts(flow, each, flow.layers[each])]
    layers = [each for each in layers if not flow.begins(each)]
    factors = _factors(flow, chain, layers)
    if not factors:
        return
    total = math.exp(sum(map(math.log, factors.values())))
    middle = median(map(math.log, factors.values()))
    worst = max(factors, key=lambda each: abs(math.log(factors[each])))
    apart = math.log(factors[worst]) - (middle if len(factors) > 2 else 0.0)
    weight = flow.layers[worst]
    if _VANISHED < total < _EXPLODED:
        return
    together = len(factors) > 2 and (abs(apart) < _APART or weight.name in _common(flow))
    if not together:
        if not _explains(flow, worst, weight, apart):
            return
        wanted = weight.std * math.exp(-apart / 2)
        yield Suspect(
            worst,
            weight,
            math.exp(apart),
            weight.std,
            wanted,
            f"{weight.name} has {_law(weight)}: through it the second moment becomes {factors[worst]:.3g} times as"
            f" large, {total:.3g} times on its way",
            explained(weight, wanted),
        )
        return
    first = layers[0]
    weight = flow.layers[first]
    each = math.exp(sum(map(math.log, factors.values())) / len(factors))
    wanted = weight.std / math.sqrt(each)
    yield Suspect(
        first,
        weight,
        total,
        weight.std,
        wanted,
        f"each of {len(factors)} layers makes the second moment {each:.3g} times as large, {total:.3g} times in all;"
        f" {weight.name} is the first, with {_law(weight)}",
        explained(weight, wanted),
    )


def _explains(flow: Flow, row: int, weight: Weight, apart: float) -> bool:
    """Tell whether a layer itself is off as its chain is: not a number behind it, or what it was given."""
    own = own_factor(flow, row, weight)
    if own is None or own <= 0:
        return own is None
    off = math.log(own / activation_gain(flow, row) ** 2)
    return off * apart > 0 and abs(off) > _ITSELF


def _factors(flow: Flow, chain: Sequence[int], layers: Sequence[int]) -> dict[int, float]:
    """Return by layer of a chain the growth from what it takes to what the next layer takes."""
    found: dict[int, float] = {}
    for place, layer in enumerate(layers):
        end = flow.main[layers[place + 1]] if place + 1 < len(layers) else chain[-1]
        before, after = flow.level(flow.main[layer]), flow.level(end)
        if flow.main[layer] < 0:
            own = own_factor(flow, layer, flow.layers[layer])
            before = flow.level(layer) / own if own else before
        if before > 0 and after > 0:
            found[layer] = after / before
    return found


def _law(weight: Weight) -> str:
    return weight.law if len(weight.law) < 60 else f"std {weight.std:.3g}"
