"""Models for the tests of coordinate checks: small, of any width or depth, on one batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

BATCH = torch.randn(64, 16, generator=torch.Generator().manual_seed(0))
Models = Mapping[int, Callable[[], nn.Module]]


def sized(build: Callable[[int], nn.Module], sizes: Iterable[int]) -> Models:
    """One builder for each size."""

    def at(size: int) -> Callable[[], nn.Module]:
        return lambda: build(size)

    return {size: at(size) for size in sizes}


def mlp(width: int) -> nn.Sequential:
    """Three hidden layers: "0" reads the input, "2" and "4" are hidden, "6" is the readout."""
    return nn.Sequential(
        nn.Linear(16, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, 10),
    )


class Residual(nn.Module):
    """As many residual blocks as asked for, each branch multiplied by a factor."""

    def __init__(self, depth: int, factor: float) -> None:
        super().__init__()
        self.first = nn.Linear(16, 32)
        self.blocks = nn.ModuleList(nn.Sequential(nn.LayerNorm(32), nn.Linear(32, 32)) for _ in range(depth))
        self.last = nn.Linear(32, 32)
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for block in self.blocks:
            x = x + self.factor * block(x)
        out: Tensor = self.last(x)
        return out


class Scored(nn.Module):
    """A model whose parts are functions, for what a plain stack of layers cannot do."""

    def __init__(self, width: int, forward: Callable[[Any, Tensor], Any], **parts: nn.Module) -> None:
        super().__init__()
        self.read = nn.Linear(16, width)
        self.parts = nn.ModuleDict(parts)
        self.head = nn.Linear(width, 4)
        self._forward = forward

    def forward(self, x: Tensor) -> Any:
        return self._forward(self, x)
