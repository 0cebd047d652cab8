"""Chains of layers without norms that make the signal explode or vanish together, or because of one of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from initwise.signals.verdicts._flow import Flow
from initwise.signals.verdicts._mistakes import explained
from initwise.signals.verdicts._own import (
    activation_gain,
    counts,
    house_numbers,
    is_right,
    law_words,
    measured_factor,
    own_factor,
)
from initwise.signals.verdicts._suspect import Suspect
from initwise.signals.verdicts._weights import Weight

_EXPLODED, _VANISHED = 1e2, 1e-5  # of a chain without norms
_APART = math.log(5.0)  # how far one layer's factor is from those of the others on its chain
_ITSELF = math.log(4.0)  # the same of a layer's own factor, from what its activation asks for
_SOME = 3  # layers make a chain with a usual factor


def chains(flow: Flow) -> Iterator[Suspect]:
    """Yield who is to blame where a chain without norms leaves its band: the odd layer, or the first of all."""
    for output in flow.last:
        for chain in _chains(flow, output):
            yield from _judged(flow, chain)


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
    layers = [each for each in chain if each in flow.layers and counts(flow, each, flow.layers[each])]
    factors = _factors(flow, chain, [each for each in layers if not flow.begins(each)])
    if not factors or _VANISHED < math.exp(sum(map(math.log, factors.values()))) < _EXPLODED:
        return
    middle = median(map(math.log, factors.values())) if len(factors) >= _SOME else 0.0
    worst = max(factors, key=lambda each: abs(math.log(factors[each])))
    apart = math.log(factors[worst]) - middle
    together = abs(apart) < _APART or flow.layers[worst].name in house_numbers(flow)
    if len(factors) >= _SOME and together:
        to_blame = {row: factor for row, factor in factors.items() if not is_right(flow, row)}
        if to_blame:  # else it is depth that small layers do not stand, each of them as it should be
            yield _first(flow, factors, _alike(to_blame, math.prod(factors.values())))
    elif _explains(flow, worst, flow.layers[worst], apart):
        yield _odd(flow, factors, worst, apart)


def _odd(flow: Flow, factors: Mapping[int, float], row: int, apart: float) -> Suspect:
    """Return the one layer that makes its chain leave the band."""
    weight, total = flow.layers[row], math.prod(factors.values())
    wanted = weight.std * math.exp(-apart / 2)
    return Suspect(
        row,
        weight,
        math.exp(apart),
        weight.std,
        wanted,
        f"{weight.name} has {law_words(weight)}: through it the second moment becomes {factors[row]:.3g} times as"
        f" large, {total:.3g} times on its way",
        explained(weight, wanted),
    )


def _first(flow: Flow, factors: Mapping[int, float], to_blame: Mapping[int, float]) -> Suspect:
    """Return the first of the layers that make their chain leave the band together."""
    total = math.prod(factors.values())
    row, each = min(to_blame), math.prod(to_blame.values()) ** (1 / len(to_blame))
    weight = flow.layers[row]
    wanted = weight.std / math.sqrt(each)
    return Suspect(
        row,
        weight,
        total,
        weight.std,
        wanted,
        f"each of {len(to_blame)} layers makes the second moment {each:.3g} times as large, {total:.3g} times in all;"
        f" {weight.name} is the first, with {law_words(weight)}",
        explained(weight, wanted),
    )


def _alike(factors: Mapping[int, float], total: float) -> dict[int, float]:
    """Return the factors that make the total what it is: at least half as many powers as the worst one of them."""
    off = {row: math.log(factor) * math.copysign(1.0, math.log(total)) for row, factor in factors.items()}
    return {row: factors[row] for row, powers in off.items() if powers >= max(off.values()) / 2}


def _explains(flow: Flow, row: int, weight: Weight, apart: float) -> bool:
    """Tell whether a layer itself is off as its chain is: not a number behind it, or what it was given."""
    own = own_factor(flow, row, weight)
    seen = measured_factor(flow, row) if flow.main[row] >= 0 else own
    if not own or not seen:
        return False
    own = min((own, seen), key=lambda each: abs(math.log(each)))
    off = math.log(own / activation_gain(flow, row) ** 2)
    return off * apart > 0 and abs(off) > _ITSELF


def _factors(flow: Flow, chain: Sequence[int], layers: Sequence[int]) -> dict[int, float]:
    """Return by layer of a chain the growth from what it takes to what the next layer takes."""
    found: dict[int, float] = {}
    last = next((flow.main[each] for each in chain if each in flow.heads), chain[-1] if chain else -1)
    for place, layer in enumerate(layers):
        end = flow.main[layers[place + 1]] if place + 1 < len(layers) else last
        before, after = flow.level(flow.main[layer]), flow.level(end)
        if flow.main[layer] < 0:
            own = own_factor(flow, layer, flow.layers[layer])
            before = flow.level(layer) / own if own else before
        if before > 0 and after > 0 and flow.is_known(end):
            found[layer] = after / before
    return found
