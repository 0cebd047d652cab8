"""What a framework has built against what one process builds without it: every parameter and buffer, bit for bit."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from initwise.model import canonical_name, is_parallel


def tensors(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers, persistent or not, whole, under each of their names."""
    parallel = is_parallel(model)
    named = [
        *model.named_parameters(remove_duplicate=False),
        *model.named_buffers(remove_duplicate=False),
    ]
    return {canonical_name(path, parallel=parallel): _whole(tensor) for path, tensor in named}


def differences(model: nn.Module, expected: nn.Module) -> list[str]:
    """Return the names of what is missing, new, or has other bits, dtypes or gradients to come."""
    here, there = tensors(model), tensors(expected)
    return [name for name in {**here, **there} if not _same(here.get(name), there.get(name))]


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return False
    alike = (one.dtype, one.requires_grad, one.device) == (other.dtype, other.requires_grad, other.device)
    return alike and torch.equal(one, other)


def _whole(tensor: Any) -> Tensor:
    found: Tensor = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
    return found
