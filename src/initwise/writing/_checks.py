"""What must hold before the first weight is written; everything that does not is reported together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from initwise.initializers import Keep
from initwise.model import Parameter, is_partitioned
from initwise.planning import Plan, Row
from initwise.shards import Held, is_sharded

_SAME_SIZE = {2: torch.int16}  # NumPy has no bfloat16


def problems(
    plan: Plan,
    parameters: Mapping[str, Parameter],
    places: Mapping[str, Held],
    known: Iterable[str] = (),
    *,
    meta: bool = False,
) -> list[str]:
    """Return one sentence for each way in which the model differs from what was planned, after those that are known.

    Of parameters that DeepSpeed has partitioned nothing can be compared; `known` tells of them.
    With `meta`, parameters on the meta device are none: they will get memory.
    """
    found = list(known)
    found += _missing(plan, parameters)
    found += [
        f"{name!r} is a parameter of the model that the plan does not know; plan again"
        for name in parameters
        if name not in plan
    ]
    for row in plan:
        if row.name in parameters and not any(map(is_partitioned, parameters[row.name].tensors)):
            found += _differences(row, parameters[row.name], places.get(row.name), meta=meta)
    written = {row.name for row in plan if not isinstance(row.initializer, Keep)}
    return found + list(_shared(parameters.values(), written))


def _missing(plan: Plan, parameters: Collection[str]) -> Iterator[str]:
    missing = [row.name for row in plan if row.name not in parameters]
    if not missing:
        return
    more = len(missing) - 1
    shown = f"{missing[0]!r} is" if not more else f"{missing[0]!r} and {more} more, to {missing[-1]!r}, are"
    part = bool(parameters) and all(name in plan for name in parameters)
    advice = "; where it is a part of the planned model, such as a stage, use plan.part(model)" if part else ""
    yield f"{shown} planned, but the model has no such parameter{'s' if more else ''}{advice}"


def _differences(row: Row, parameter: Parameter, place: Held | None, *, meta: bool) -> Iterator[str]:
    name = repr(row.name)
    shape = parameter.shape if place is None else place.whole
    if tuple(shape) != tuple(row.shape):
        yield f"{name} was planned with shape {tuple(row.shape)} and has {tuple(shape)}; {_advice(row, shape)}"
    if parameter.dtype != row.dtype:
        yield f"{name} was planned as {row.dtype} and is {parameter.dtype}; plan again"
    if set(parameter.aliases) != set(row.aliases):
        yield f"{name} was planned with the ties {_names(row.aliases)} and has {_names(parameter.aliases)}; plan again"
    if not isinstance(row.initializer, Keep):
        if parameter.way is not None and parameter.way.problem:
            yield f"{name}: {parameter.way.problem}"
        told = (tensor for tensor in parameter.tensors if not is_sharded(tensor))  # of the others `find_places` speaks
        for tensor in told if place is None else (place.local,):
            if not (meta and tensor.is_meta):
                yield from _unwritable(name, tensor, empty=place is not None and not place.pieces)
    elif not meta and parameter.tensor.is_meta and parameter.numel():
        yield (
            f"{name} is on the meta device and the plan keeps it as it is, so that it would have no memory after it; "
            "load it first, or plan it too"
        )


def _advice(row: Row, shape: tuple[int, ...]) -> str:
    smaller = len(shape) == len(row.shape) and all(a <= b for a, b in zip(shape, row.shape, strict=True))
    return "plan again" + (", or say which part of it this is: shards={name: iw.Slice(...)}" if smaller else "")


def _unwritable(name: str, tensor: Tensor, *, empty: bool) -> Iterator[str]:
    if _is_wrapper(tensor):
        kind = type(tensor).__name__
        yield f"{name} is a {kind}, and only plain tensors and DTensors can be written; apply the plan before"
    elif tensor.is_meta:
        yield f"{name} is on the meta device and has no memory; use iw.materialize(model, plan, device=...)"
    elif tensor.numel() == 0 and not empty:
        yield f"{name} is empty (shape {tuple(tensor.shape)}); gather a partitioned parameter first, or use Keep()"
    elif _overlaps(tensor):
        yield f"{name} has elements that share memory (strides {tensor.stride()}); make it contiguous first"
    elif tensor.is_inference() and not torch.is_inference_mode_enabled():
        yield f"{name} is an inference tensor; build the model outside torch.inference_mode()"


def _is_wrapper(tensor: Tensor) -> bool:
    return is_traceable_wrapper_subclass(tensor)


def _overlaps(tensor: Tensor) -> bool:
    """Tell whether two elements share memory: sorted by stride, each axis must step over all smaller ones."""
    reach = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size > 1:
            if stride < reach:
                return True
            reach = stride * (size - 1) + reach
    return False


def _shared(parameters: Iterable[Parameter], written: Collection[str]) -> Iterator[str]:
    """Name the pairs of parameters that overlap in memory without being the same tensor, where one would be written."""
    spans = sorted(
        (_span(each, tensor) for each in parameters for tensor in each.tensors if _has_memory(tensor)),
        key=itemgetter(0, 1),
    )
    for index, (memory, _, end, one, tensor) in enumerate(spans):
        for following in range(index + 1, len(spans)):  # a slice would copy all of them, for each
            other_memory, begin, _, other, second = spans[following]
            if other_memory != memory or begin >= end:
                break
            if (one.name in written or other.name in written) and _overlap(tensor, second):
                yield (
                    f"{one.name!r} and {other.name!r} share memory, so that writing one changes the other; tie them "
                    "as one parameter, or give each its own memory with clone()"
                )


def _span(parameter: Parameter, tensor: Tensor) -> tuple[int, int, int, Parameter, Tensor]:
    reach = sum(stride * (size - 1) for stride, size in zip(tensor.stride(), tensor.shape, strict=True))
    begin = tensor.data_ptr()
    return tensor.untyped_storage().data_ptr(), begin, begin + (reach + 1) * tensor.element_size(), parameter, tensor


def _has_memory(tensor: Tensor) -> bool:
    return not (tensor.is_meta or tensor.numel() == 0 or tensor.layout != torch.strided or _is_wrapper(tensor))


def _overlap(one: Tensor, other: Tensor) -> bool:
    """Tell whether an element of each shares memory; off the CPU, whether the spans they lie in do."""
    return one.device.type != "cpu" or np.shares_memory(_bytes(one), _bytes(other))


def _bytes(tensor: Tensor) -> NDArray[Any]:
    plain = tensor.detach()
    return plain.view(_SAME_SIZE.get(plain.element_size(), plain.dtype)).numpy()


def _names(aliases: tuple[str, ...]) -> str:
    return ", ".join(aliases) or "none"
