"""The inputs of the measured pass, as copies: on the model's device, in the dtype of its weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from initwise.errors import ArgumentError
from initwise.model import Example
from initwise.model.graph._structures import mapped, tensors


def fitted(example: Example, model: nn.Module) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return copies of the arguments, so that in-place operations of the model do not reach the user's tensors.

    Raises:
        ArgumentError: an input holds NaN.
    """
    _check(example)
    devices = {each.device for each in model.parameters()}
    dtypes = {each.dtype for each in model.parameters() if each.is_floating_point()}
    device = devices.pop() if len(devices) == 1 else None
    dtype = dtypes.pop() if len(dtypes) == 1 else None

    def copied(tensor: Tensor) -> Tensor:
        cast = dtype if tensor.dtype == torch.float32 else None
        return tensor.detach().to(device=device, dtype=cast, copy=True)

    return mapped(example.args, copied), mapped(example.kwargs, copied)


def _check(example: Example) -> None:
    names = [*(f"argument {place}" for place in range(len(example.args))), *example.kwargs]
    for name, value in zip(names, (*example.args, *example.kwargs.values()), strict=True):
        for tensor in tensors(value):
            if tensor.is_floating_point() and bool(torch.isnan(tensor).any()):
                raise ArgumentError(f"probe: {name} of the inputs holds NaN; give inputs without")
