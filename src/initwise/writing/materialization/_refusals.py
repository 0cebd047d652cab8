"""What `materialize` refuses before anything is allocated: arguments, and tensors that cannot get memory here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer

from initwise._arguments import show
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.initializers import MeanOfRows
from initwise.model import Reading
from initwise.planning import Plan
from initwise.shards import is_sharded


def checked_device(operation: str, device: Any, build: Any) -> torch.device:
    """Return the device, which must be there and have memory.

    Raises:
        ArgumentError: it is not, or `build` is no function.
    """
    if build is not None and (isinstance(build, nn.Module) or not callable(build)):
        raise ArgumentTypeError(
            f"{operation}: build is {show(build)}; give a function without arguments that constructs the model"
        )
    try:
        target = torch.device(device)
        torch.empty(0, device=target)
    except (RuntimeError, TypeError, AssertionError, NotImplementedError) as error:
        first = str(error).splitlines()[0]
        raise ArgumentError(f"{operation}: device {show(device)} is not there ({first}); give one that is") from None
    if target.type == "meta":
        raise ArgumentError(f"{operation}: device 'meta' has no memory; give the device where the weights shall be")
    return target


def unready(model: nn.Module) -> list[str]:
    """Return a sentence for each buffer without a shape."""
    return [
        f"{name!r} is not initialized: its shape comes from the first input; run one forward pass first"
        for name, buffer in model.named_buffers()
        if isinstance(buffer, UninitializedBuffer)
    ]


def misplaced(
    reading: Reading, plan: Plan, empty: Sequence[Tensor], others: Sequence[Tensor], device: torch.device
) -> list[str]:
    """Return a sentence for each tensor that cannot get memory here, or whose old values the plan asks for."""
    named = {id(tensor): parameter.name for parameter in reading.parameters for tensor in parameter.tensors}
    named |= {id(buffer): name for name, buffer in reading.model.named_buffers()}
    found = [
        f"{named.get(id(tensor), 'a tensor in an attribute')!r} {said}"
        for tensor in (*empty, *others)
        for said in _without_place(tensor, device)
    ]
    means = [row.name for row in plan if any(isinstance(part.initializer, MeanOfRows) for part in row.parts)]
    found += [
        f"{name!r} asks for the mean of its old rows, and they are on meta; load them first"
        for name in means
        if name in reading and reading[name].tensor.is_meta
    ]
    return found


def _without_place(tensor: Tensor, device: torch.device) -> Iterator[str]:
    """Yield why a tensor cannot get memory on a device."""
    if is_sharded(tensor):
        mesh = getattr(tensor, "device_mesh").device_type  # noqa: B009 - a plain Tensor has none, for the type checker
        if device.type not in {mesh, "cpu"}:
            yield f"is sharded over a mesh of {mesh} devices; give device={mesh!r}, not {device}"
    elif type(tensor) not in {Tensor, nn.Parameter, nn.Buffer} and not _is_plain(tensor):
        yield f"is a {type(tensor).__name__}; only plain tensors and DTensors get memory: materialize, then convert it"
    elif tensor.layout is not torch.strided:
        yield f"is {tensor.layout}; only strided tensors get memory"
    elif tensor.grad_fn is not None:
        yield "is computed from parameters; compute it again after materialize, or in forward"


def _is_plain(tensor: Tensor) -> bool:
    return isinstance(tensor, nn.Parameter) and type(tensor).__torch_dispatch__ is Tensor.__torch_dispatch__
