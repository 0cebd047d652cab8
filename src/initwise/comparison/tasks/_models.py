"""The networks of the built-in tasks."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


def mlp(inputs: int, outputs: int, *, width: int, depth: int) -> nn.Module:
    """Return a plain ReLU network of `depth` linear layers."""
    sizes = [inputs, *[width] * (depth - 1), outputs]
    layers: list[nn.Module] = []
    for below, above in pairwise(sizes):
        layers += [nn.Linear(below, above), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def cnn(outputs: int) -> nn.Module:
    """Return three convolutions and a linear layer for 8 x 8 images."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 16, outputs),
    )


class Gated(nn.Module):
    """A residual layer behind a learned gate: x + gate * relu(W x + b)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.gate = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:  # (batch, width)
        """Add the gated branch to its input."""
        return x + self.gate * torch.relu(self.linear(x))


def gated(inputs: int, outputs: int, *, width: int, depth: int) -> nn.Module:
    """Return a network of `depth` layers: one in, gated residual layers, one out."""
    return nn.Sequential(nn.Linear(inputs, width), *(Gated(width) for _ in range(depth - 2)), nn.Linear(width, outputs))


class CharacterModel(nn.Module):
    """A small decoder over characters: pre-norm blocks of causal attention and an MLP."""

    def __init__(self, characters: int, *, width: int = 48, blocks: int = 3, heads: int = 4, context: int = 48) -> None:
        super().__init__()
        self.characters = nn.Embedding(characters, width)
        self.positions = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, characters, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (batch, context) of int64 -> (batch, context, characters)
        """Return the logits of every next character."""
        hidden = self.characters(x) + self.positions(torch.arange(x.shape[1], device=x.device))
        for block in self.blocks:
            hidden = block(hidden)
        logits: Tensor = self.head(self.norm(hidden))
        return logits


class Block(nn.Module):
    """Causal attention and an MLP, each added to the stream."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.before_mlp = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:  # (batch, context, width)
        """Return the stream after the block."""
        batch, context, width = x.shape
        packed = self.qkv(self.before_attention(x)).chunk(3, dim=-1)
        q, k, v = (each.reshape(batch, context, self.heads, -1).transpose(1, 2) for each in packed)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attended(mixed.transpose(1, 2).reshape(batch, context, width))
        hidden: Tensor = x + self.down(nn.functional.gelu(self.up(self.before_mlp(x))))
        return hidden
