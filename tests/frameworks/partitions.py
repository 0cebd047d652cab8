"""Partitioned parameters as DeepSpeed's `zero.Init` leaves them (0.19): empty, with the whole in attributes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


def partitioned(model: nn.Module) -> Any:
    """Take the elements of each parameter away; `ds_shape` stays, and `ds_tensor` has this rank's part."""
    for number, parameter in enumerate(model.parameters()):
        there: Any = parameter
        there.ds_id, there.ds_shape, there.ds_numel = number, parameter.shape, parameter.numel()
        there.ds_tensor = parameter.detach().flatten().clone()
        there.data = torch.empty(0)
    return model


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
