"""Training for controls: small tasks that need no download, and a loop of some hundred steps."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

GLYPHS = (
    "111 101 101 101 111", "010 110 010 010 111", "111 001 111 100 111", "111 001 111 001 111", "101 101 111 001 001",
    "111 100 111 001 111", "111 100 111 101 111", "111 001 010 010 010", "111 101 111 101 111", "111 101 111 001 111",
)  # fmt: skip
"""The digits in five rows of three pixels."""


def digits(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Digits of 5 x 3 pixels somewhere in 8 x 8, with noise: (count, 1, 8, 8) and their classes."""
    glyphs = torch.stack([torch.tensor([[float(p) for p in row] for row in glyph.split()]) for glyph in GLYPHS])
    labels = torch.randint(0, 10, (count,), generator=generator)
    images = 0.2 * torch.randn(count, 1, 8, 8, generator=generator)
    corners = torch.stack([torch.randint(0, n, (count,), generator=generator) for n in (4, 6)], dim=1)
    for image, label, (top, left) in zip(images, labels, corners.tolist(), strict=True):
        image[0, top : top + 5, left : left + 3] += glyphs[label]
    return images, labels


def regression(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Ten features, a smooth function of some of them: Friedman's first, its scale near one."""
    x = torch.rand(count, 10, generator=generator)
    y = 10 * torch.sin(torch.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    return x, (y[:, None] - 14) / 5


@cache
def text() -> Tensor:
    """The documentation of some modules of torch, as characters below 128."""
    kinds = (nn.LSTM, nn.GRU, nn.Conv2d, nn.ConvTranspose2d, nn.MultiheadAttention, nn.Embedding, nn.CrossEntropyLoss)
    words = re.sub(r"[^\x20-\x7e]+", " ", " ".join(inspect.getdoc(kind) or "" for kind in kinds))
    return torch.tensor([ord(letter) for letter in words])


def passages(count: int, generator: torch.Generator, length: int = 32) -> tuple[Tensor, Tensor]:
    """Passages of this text and the same ones a letter later."""
    starts = torch.randint(0, len(text()) - length - 1, (count, 1), generator=generator)
    at = starts + torch.arange(length)
    return text()[at], text()[at + 1]


Task = Callable[[int, torch.Generator], tuple[Tensor, Tensor]]


def trained(model: nn.Module, task: Task, *, steps: int = 200, batch: int = 64, rate: float = 3e-3) -> nn.Module:
    """Train what is not frozen by AdamW, and return the model.

    Raises:
        RuntimeError: the loss did not fall, so that this would be no control of a trained model.
    """
    generator = torch.Generator().manual_seed(3)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=rate, weight_decay=0.01)
    losses: list[float] = []
    for _ in range(steps):
        x, y = task(batch, generator)
        loss = distance(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    optimizer.zero_grad()
    if not sum(losses[-10:]) < 0.8 * sum(losses[:10]):
        raise RuntimeError(f"{type(model).__name__}: the loss went from {losses[0]:.3g} to {losses[-1]:.3g} only")
    return model


def distance(output: Tensor, target: Tensor) -> Tensor:
    """Cross entropy where targets are classes, mean squares where they are values."""
    if target.is_floating_point():
        return functional.mse_loss(output, target)
    return functional.cross_entropy(output.flatten(0, -2), target.flatten())
