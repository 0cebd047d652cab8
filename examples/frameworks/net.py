"""The model that the other examples here hand to a framework, and what its weights shall be."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import initwise as iw


class Net(nn.Module):
    """A small language model: a table that is tied to the head, and a buffer that only the constructor computes."""

    decay: Tensor

    def __init__(self, words: int = 32, width: int = 16, base: float = 500.0) -> None:
        super().__init__()
        self.words, self.width, self.base = words, width, base  # kept, so that the buffer can be computed again
        self.embed = nn.Embedding(words, width)
        self.register_buffer("decay", base ** -(torch.arange(width) / width), persistent=False)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
            for _ in range(2)
        )
        self.head = nn.Linear(width, words, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:  # (batch, length) -> (batch, length, words)
        """Scores of the next token."""
        hidden: Tensor = self.embed(tokens) * self.decay
        for layer in self.layers:
            hidden = hidden + layer(hidden)
        scores: Tensor = self.head(hidden)
        return scores


def plan(model: nn.Module) -> iw.Plan:
    """What every example draws; the plan of a model on meta or in shards is that of the whole model in memory."""
    return iw.plan(model, "kaiming", seed=0)


def plain() -> Net:
    """Return the model as one process builds it without any framework: constructed for real, then written."""
    model = Net()
    iw.apply(model, plan(model))
    return model


def shard(model: Any, mesh: Any = None) -> None:
    """Shard each layer, then what is left, as `fully_shard` wants it."""
    from torch.distributed.fsdp import fully_shard

    for layer in model.layers:
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
