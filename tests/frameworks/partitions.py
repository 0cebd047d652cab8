"""Partitioned parameters as DeepSpeed's `zero.Init` leaves them (0.19): empty, with a flat piece in an attribute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


def partitioned(model: nn.Module, rank: int = 0, world: int = 1) -> Any:
    """Take the elements of each parameter away; `ds_tensor` is this rank's run of them, of equal length on all."""
    for number, parameter in enumerate(model.parameters()):
        there: Any = parameter
        there.ds_id, there.ds_shape, there.ds_numel = number, parameter.shape, parameter.numel()
        size = -(-parameter.numel() // world)
        padded = torch.zeros(size * world)
        padded[: parameter.numel()] = parameter.detach().flatten()
        there.ds_tensor = padded[rank * size :][:size].clone()
        there.data = torch.empty(0)
    return model


def joined(name: str, ranks: Sequence[nn.Module]) -> Tensor:
    """Return a parameter as the partitions of all ranks make it, without the padding."""
    found: list[Any] = [model.get_parameter(name) for model in ranks]
    flat = torch.cat([each.ds_tensor for each in found])
    return flat[: found[0].ds_numel].view(found[0].ds_shape)


@contextmanager
def gathered(model: nn.Module) -> Iterator[None]:
    """What `GatheredParameters` does for one process: each parameter is whole within, and written back after."""
    parameters: list[Any] = list(model.parameters())
    for parameter in parameters:
        parameter.data = parameter.ds_tensor.view(parameter.ds_shape)
    yield
    for parameter in parameters:
        parameter.ds_tensor = parameter.data.flatten()
        parameter.data = torch.empty(0)
