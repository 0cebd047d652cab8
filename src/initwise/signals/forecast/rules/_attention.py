"""`scaled_dot_product_attention`: heads and the channels of values may be sampled."""

from __future__ import annotations

import math
from typing import Any

from initwise.model.graph import Operation
from initwise.signals.forecast._axes import Axes, Dims, hold, value_at
from initwise.signals.forecast._state import Call, scaled
from initwise.signals.forecast._table import family

_NAMES = ("query", "key", "value", "attn_mask")


def attended(axes: Axes, operation: Operation) -> None:
    """q (..., T, d), k (..., S, d), v (..., S, e) -> (..., T, e); the sum over d is of two signals, so d is held.

    With `enable_gqa` several query heads share a key: their axis is (key heads, queries of each).
    """
    query, key, value, mask = (value_at(operation, place, name) for place, name in enumerate(_NAMES))
    if query is None or key is None or value is None:
        hold(axes, operation)
        return
    first, second, third = axes.of(query), axes.of(key), axes.of(value)
    axes.hold(first[-1], second[-1], first[-2], second[-2], third[-2])
    for one, other, last in zip(_heads(axes, first, second), second[:-2], third[:-2], strict=True):
        axes.same(one, other)
        axes.same(other, last)
    if mask is not None:
        own = axes.of(mask)
        for place in range(3, len(own) + 1):
            if axes.atoms.length(own[-place]) == axes.atoms.length(first[-place]):
                axes.same(own[-place], first[-place])
    axes.set(operation.outputs[0], (*first[:-1], third[-1]))


def _heads(axes: Axes, query: Dims, key: Dims) -> Dims:
    """Return the leading axes of queries, without the queries that share a key."""
    if len(query) < 3:
        return query[:-2]
    mine, other = axes.atoms.length(query[-3]), axes.atoms.length(key[-3])
    if mine == other:
        return query[:-2]
    parts = axes.atoms.regroup([query[-3]], [other, mine // other])
    if parts is None:
        axes.hold(query[-3], key[-3])
        return (*query[:-3], key[-3])
    return (*query[:-3], parts[0])


def attend(call: Call) -> Any:
    """The gradient of the weights of attention sums over the channels of values, that of a key over its queries."""
    query, key, value = (value_at(call.operation, place, name) for place, name in enumerate(_NAMES[:3]))
    if query is None or key is None or value is None:
        return call.run()
    within = call.widths.ratio(call.dims(value)[-1])
    shared = 1.0
    if len(call.dims(query)) > 2:
        shared = call.widths.ratio(call.dims(query)[-3]) / call.widths.ratio(call.dims(key)[-3])
    if within == shared == 1.0:
        return call.run()
    factors = {"query": within, "key": within * shared, "value": shared}
    made = {name: scaled(each, math.sqrt(factors[name])) if name in factors else each for each, name in _named(call)}
    return call.function(**{**call.kwargs, **made, **_rest(call)})


def _named(call: Call) -> list[tuple[Any, str]]:
    return [(call.argument(place, name), name) for place, name in enumerate(_NAMES)]


def _rest(call: Call) -> dict[str, Any]:
    return dict(zip(("dropout_p", "is_causal", "scale"), call.args[4:], strict=False))


family("scaled_dot_product_attention", attended, attend)
