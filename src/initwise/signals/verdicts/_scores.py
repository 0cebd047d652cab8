"""Attention scores so large that each softmax picks one key, and logits so large that the loss is far above a guess."""

from __future__ import annotations

import math
from collections.abc import Iterator

from initwise.model.graph._vocabulary import ADDITIONS, ATTENTION, MATRIX_PRODUCTS, PRODUCTS, SOFTMAX
from initwise.signals.verdicts._flow import Flow
from initwise.signals.verdicts._mistakes import explained
from initwise.signals.verdicts._own import own_factor
from initwise.signals.verdicts._suspect import Suspect

_SHARP = 25.0  # of the variance of scores before a softmax
_STRONG, _HOT = 48.0, 8.0  # of an output layer's factor, and the variance of its logits
_HUGE, _LOUD = 200.0, 0.05  # a larger factor, for which less is enough
_GAIN = 4.0  # of a layer that is the cause, and not what it was given


_TIED = "N(0, 1), torch's default of embeddings, in one that is the output layer too"
_NEAR = 0.02


def sharp(flow: Flow) -> Iterator[Suspect]:
    """Yield the query or key weights behind attention scores with a large variance."""
    for row in flow.rows:
        if row.operation in ATTENTION:
            given = [each for each in row.inputs if each >= 0]
            pair = given[:2] if len(given) > 1 else given * 2
            variance = flow.level(pair[0]) * flow.level(pair[1]) if pair else 0.0
        elif row.operation in SOFTMAX:
            product = _product(flow, row.index)
            if product is None:
                continue
            pair, variance = [each for each in flow.rows[product[0]].inputs if each >= 0], flow.level(product[1])
        else:
            continue
        if variance > _SHARP:
            yield from _behind(flow, pair, variance)


def _product(flow: Flow, index: int) -> tuple[int, int] | None:
    """Return the product of two signals that a softmax takes, and the row with its final scale before masks."""
    last, now = -1, flow.main[index]
    while now >= 0:
        row = flow.rows[now]
        if row.operation in MATRIX_PRODUCTS:
            both = len([each for each in row.inputs if each >= 0]) > 1 and not row.parameters
            return (now, last if last >= 0 else now) if both else None
        if row.operation not in ADDITIONS and "mask" not in row.operation and last < 0 and flow.quiet(now):
            last = now
        elif not flow.quiet(now) and row.operation not in ADDITIONS and "mask" not in row.operation:
            return None
        now = flow.main[now]
    return None


def _behind(flow: Flow, pair: list[int], variance: float) -> Iterator[Suspect]:
    layers = {layer for each in pair for layer in flow.sources(each)}
    factors = {each: factor for each in layers if (factor := own_factor(flow, each, flow.layers[each])) is not None}
    worst = max(factors, key=factors.__getitem__, default=None)
    if worst is None or factors[worst] < _GAIN:
        return
    weight = flow.layers[worst]
    wanted = weight.std / math.sqrt(factors[worst])
    yield Suspect(
        worst,
        weight,
        factors[worst],
        weight.std,
        wanted,
        f"{weight.name} has {weight.law}: attention scores have a variance of {variance:.3g}, and each softmax picks"
        " one key",
        explained(weight, wanted),
        0.9,
    )


def _unscaled(flow: Flow, index: int) -> int:
    """Return what a row was before numbers were multiplied to it, as some models do where an embedding is tied."""
    while index >= 0 and flow.quiet(index) and flow.main[index] >= 0 and flow.rows[index].operation in PRODUCTS:
        index = flow.main[index]
    return index


def _is_bias(flow: Flow, name: str) -> bool:
    return name in flow.weights and flow.weights[name].role == "bias"


def hot(flow: Flow) -> Iterator[Suspect]:
    """Yield output layers that make large outputs of a signal of ordinary size."""
    for row in flow.heads:
        weight = flow.layers[row]
        bias = sum(flow.weights[name].square for name in flow.rows[row].parameters if _is_bias(flow, name))
        end = next((each for each in flow.last if flow.ends_as(row, each)), row)
        large, given = flow.level(end) - bias, flow.level(_unscaled(flow, flow.main[row]))
        factor = large / given if flow.main[row] >= 0 and given > 0 else 0.0
        factor = min(factor, own_factor(flow, row, weight) or factor)  # a layer may take the last step of many
        if not flow.is_known(row) or factor < _STRONG or large < (_HOT if factor < _HUGE else _LOUD):
            continue
        wanted = weight.std / math.sqrt(factor)
        yield Suspect(
            row,
            weight,
            factor,
            weight.std,
            wanted,
            f"{weight.name} has {weight.law}: the outputs have a second moment of {large:.3g}, {factor:.3g} times"
            " that of what the layer takes",
            _TIED if weight.role == "embedding" and abs(weight.std - 1) < _NEAR else explained(weight, wanted),
        )
