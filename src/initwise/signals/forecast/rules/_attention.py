"""`scaled_dot_product_attention`: heads and the channels of values may be sampled."""

from __future__ import annotations

import math
from typing import Any

from initwise.model.graph import Operation
from initwise.signals.forecast._axes import Axes, hold, value_at
from initwise.signals.forecast._state import Call, scaled
from initwise.signals.forecast._table import family

_NAMES = ("query", "key", "value", "attn_mask")


def attended(axes: Axes, operation: Operation) -> None:
    """q (..., T, d), k (..., S, d), v (..., S, e) -> (..., T, e); the sum over d is of two signals, so d is held."""
    query, key, value, mask = (value_at(operation, place, name) for place, name in enumerate(_NAMES))
    if query is None or key is None or value is None or operation.kwargs.get("enable_gqa"):
        hold(axes, operation)
        return
    first, second, third = axes.of(query), axes.of(key), axes.of(value)
    axes.hold(first[-1], second[-1], first[-2], second[-2], third[-2])
    for one, other, last in zip(first[:-2], second[:-2], third[:-2], strict=True):
        axes.same(one, other)
        axes.same(one, last)
    if mask is not None:
        own = axes.of(mask)
        for place in range(3, len(own) + 1):
            if axes.atoms.length(own[-place]) == axes.atoms.length(first[-place]):
                axes.same(own[-place], first[-place])
    axes.set(operation.outputs[0], (*first[:-1], third[-1]))


def attend(call: Call) -> Any:
    """The gradient of the weights of attention sums over the channels of values."""
    value = value_at(call.operation, 2, "value")
    ratio = 1.0 if value is None else call.widths.ratio(call.dims(value)[-1])
    if ratio == 1.0 or call.operation.kwargs.get("enable_gqa"):
        return call.run()
    made = [scaled(each, math.sqrt(ratio)) if name in ("query", "key") else each for each, name in _named(call)]
    kwargs = {**call.kwargs, **dict(zip(_NAMES, made, strict=False))}
    return call.function(**{**kwargs, **_rest(call)})


def _named(call: Call) -> list[tuple[Any, str]]:
    return [(call.argument(place, name), name) for place, name in enumerate(_NAMES)]


def _rest(call: Call) -> dict[str, Any]:
    return dict(zip(("dropout_p", "is_causal", "scale"), call.args[4:], strict=False))


family("scaled_dot_product_attention", attended, attend)
