"""Layers through which gradients explode or vanish while the signal keeps its size: an activation holds that."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from initwise.signals.verdicts._flow import Flow
from initwise.signals.verdicts._mistakes import explained
from initwise.signals.verdicts._own import counts, is_right, law_words
from initwise.signals.verdicts._suspect import Suspect

_APART = math.log(5.0)  # how far one layer's factor is from those of the others
_SOME = 3  # layers have a usual factor
_ASKED = 1e2  # of all layers together, either way


def gradients(flow: Flow, path: Sequence[int]) -> Suspect | None:
    """Return the layer to blame for gradients along a path: the odd one, or the first of many alike; None for none."""
    factors = {row: factor for row, factor in _factors(flow, path) if not is_right(flow, row)}
    total = math.prod(factors.values())
    if not factors or 1 / _ASKED < total < _ASKED:
        return None
    middle = median(map(math.log, factors.values())) if len(factors) >= _SOME else 0.0
    worst = max(factors, key=lambda each: abs(math.log(factors[each]) - middle))
    apart = math.log(factors[worst]) - middle
    alone = abs(apart) > _APART
    row = worst if alone else next(iter(factors))
    weight, each = flow.layers[row], factors[row] if alone else total ** (1 / len(factors))
    wanted = weight.std * math.exp(-apart / 2) if alone else weight.std / math.sqrt(each)
    whose = "" if alone else f"each of {len(factors)} layers: "
    first = "" if alone else " is the first, and"
    return Suspect(
        row,
        weight,
        total,
        weight.std,
        wanted,
        f"{whose}behind it the gradient's second moment is {each:.3g} times as large; {weight.name}{first} has"
        f" {law_words(weight)}",
        explained(weight, wanted),
    )


def _factors(flow: Flow, path: Sequence[int]) -> Iterator[tuple[int, float]]:
    """Yield by layer of a path the growth of E[g^2] from its output back to that of the layer before."""
    layers = [each for each in path if each in flow.layers]
    for before, row in pairwise(layers):
        first, last = (flow.rows[each].grad_second_moment for each in (row, before))
        if first and last and math.isfinite(first) and math.isfinite(last) and counts(flow, row, flow.layers[row]):
            yield row, last / first
