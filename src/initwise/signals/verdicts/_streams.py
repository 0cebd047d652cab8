"""Streams without norms, that grow with each branch that is added to them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import median

from initwise.signals.verdicts._flow import Flow
from initwise.signals.verdicts._mistakes import explained
from initwise.signals.verdicts._own import activation_gain, law_words, own_factor
from initwise.signals.verdicts._suspect import Suspect
from initwise.signals.verdicts._weights import Weight

_EXPLODED = 30.0  # of E[x^2] by all branches of a stream together
_ITSELF = 3.0  # of the factor of the layer to blame, where one branch is
_APART = math.log(5.0)  # how far one branch's share is from those of the others


def streams(flow: Flow) -> Iterator[Suspect]:
    """Yield the layer to blame where branches make a stream explode that no norm takes the scale of."""
    for output in flow.last:
        trunk = flow.trunk(output)
        joins = [each for each in trunk if each in flow.joins and each in flow.exposed]
        shares = {each: _share(flow, each) for each in joins}
        shares = {each: share for each, share in shares.items() if share > 0}
        if not shares or math.prod(1 + share for share in shares.values()) < _EXPLODED:
            continue
        middle = median(map(math.log, shares.values()))
        worst = max(shares, key=shares.__getitem__)
        alone = math.log(shares[worst]) - middle > _APART or len(shares) == 1
        join = worst if alone else next(iter(shares))
        yield from _blamed(flow, join, shares, alone=alone)


def _share(flow: Flow, join: int) -> float:
    stream, branch = flow.joins[join]
    known = flow.is_known(stream) and flow.is_known(branch) and flow.level(stream) > 0
    return flow.level(branch) / flow.level(stream) if known else 0.0


def _blamed(flow: Flow, join: int, shares: dict[int, float], *, alone: bool) -> Iterator[Suspect]:
    stream, branch = flow.joins[join]
    layers = [each for each in flow.between(flow.origin(stream), branch) if each in flow.layers]
    if not layers:
        return
    total = math.prod(1 + share for share in shares.values())
    excess = {
        each: own / activation_gain(flow, each) ** 2
        for each in layers
        if (own := own_factor(flow, each, flow.layers[each]))
    }
    row = max(excess, key=excess.__getitem__) if alone and excess else layers[-1]
    if alone and excess.get(row, 0.0) < _ITSELF:
        return  # what is small is the stream
    row, weight = (None if alone else _scale(flow, row, branch)) or (row, flow.layers[row])
    divisor = shares[join] if alone else len(shares) * median(shares.values())
    size = math.sqrt(weight.square)
    wanted = size / math.sqrt(max(divisor, 1.0))
    which = "the branch" if alone else f"each of {len(shares)} branches"
    yield Suspect(
        row,
        weight,
        total,
        size,
        wanted,
        f"{which} is {shares[join]:.3g} times as large as the stream that it is added to, which grows {total:.3g}-fold"
        f" and meets no norm; {weight.name}{'' if alone else ', in the first,'} has {law_words(weight)}",
        explained(weight, wanted, writers=len(shares)),
    )


def _scale(flow: Flow, layer: int, branch: int) -> tuple[int, Weight] | None:
    """Return the scale that a branch is multiplied with behind its last layer, which is there to keep it small."""
    found = [
        (row, flow.weights[name])
        for row in flow.between(layer, branch)
        for name in flow.rows[row].parameters
        if name in flow.weights and flow.weights[name].role == "scale" and not flow.weights[name].zero
    ]
    return found[-1] if found else None
