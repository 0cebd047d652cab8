"""What must hold before the first weight is written; everything that does not is reported together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from initwise.initializers import Keep
from initwise.model import Parameter
from initwise.planning import Plan, Row


def problems(plan: Plan, parameters: Mapping[str, Parameter]) -> list[str]:
    """Return one sentence for each way in which the model differs from what was planned."""
    found = [
        f"{row.name!r} is planned, but the model has no such parameter" for row in plan if row.name not in parameters
    ]
    found += [
        f"{name!r} is a parameter of the model that the plan does not know; plan again"
        for name in parameters
        if name not in plan
    ]
    for row in plan:
        if row.name in parameters:
            found += _differences(row, parameters[row.name])
    return found


def _differences(row: Row, parameter: Parameter) -> Iterator[str]:
    name, tensor = repr(row.name), parameter.tensor
    if tuple(parameter.shape) != tuple(row.shape):
        yield f"{name} was planned with shape {tuple(row.shape)} and has {tuple(parameter.shape)}; plan again"
    if parameter.dtype != row.dtype:
        yield f"{name} was planned as {row.dtype} and is {parameter.dtype}; plan again"
    if set(parameter.aliases) != set(row.aliases):
        yield f"{name} was planned with the ties {_names(row.aliases)} and has {_names(parameter.aliases)}; plan again"
    if not isinstance(row.initializer, Keep):
        yield from _unwritable(name, tensor, parameter)


def _unwritable(name: str, tensor: Tensor, parameter: Parameter) -> Iterator[str]:
    if parameter.parametrized:
        yield f"{name} is parametrized; this version cannot write through it: remove the parametrization or use Keep()"
    elif _is_wrapper(tensor):
        kind = type(tensor).__name__
        yield f"{name} is a {kind}, and this version writes plain tensors only; apply the plan before sharding"
    elif tensor.is_meta:
        yield f"{name} is on the meta device and has no memory; use model.to_empty(device=...) first"
    elif tensor.numel() == 0:
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


def _names(aliases: tuple[str, ...]) -> str:
    return ", ".join(aliases) or "none"
