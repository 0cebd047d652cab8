"""The tensors that examples are made of: on the CPU, the same each time, and drawn without touching torch's seed."""

from __future__ import annotations

import math
from collections.abc import Collection

import torch
from torch import Tensor

SEED = 20  # of the examples' own generator; any would do, and it stays the same


def floats(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return standard normal numbers."""
    return torch.randn(shape, generator=_generator(), device="cpu").to(dtype)


def integers(*shape: int, high: int, low: int = 0, dtype: torch.dtype = torch.int64) -> Tensor:
    """Return integers in [low, high)."""
    return torch.randint(low, max(high, low + 1), shape, generator=_generator(), device="cpu").to(dtype)


def tokens(*shape: int, vocabulary: int, reserved: Collection[int] = ()) -> Tensor:
    """Return token ids below `vocabulary`, none of them `reserved` where others are left."""
    free = [token for token in range(min(vocabulary, len(reserved) + 1000)) if token not in reserved]
    allowed = torch.tensor(free or [0], device="cpu")
    return allowed[integers(*shape, high=len(allowed))]


def ones(*shape: int, dtype: torch.dtype = torch.int64) -> Tensor:
    """Return a mask that hides nothing."""
    return torch.ones(shape, dtype=dtype, device="cpu")


def counting(*shape: int) -> Tensor:
    """Return 0, 1, 2, ... along the last axis, in every row."""
    return torch.arange(shape[-1], device="cpu").expand(shape).clone()


def boxes(*shape: int, high: int) -> Tensor:
    """Return `shape` boxes (left, top, right, bottom), integers in [0, high) with left <= right and top <= bottom."""
    corners = integers(*shape, 2, 2, high=high).sort(dim=-2).values
    return corners.reshape(*shape, 4)


def squared(count: int) -> int:
    """Return the side of a square of `count` patches."""
    return math.isqrt(count)


def _generator() -> torch.Generator:
    return torch.Generator(device="cpu").manual_seed(SEED)
