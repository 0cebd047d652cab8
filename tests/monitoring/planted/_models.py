"""The networks of the planted mistakes, with a task for each."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import Tensor, nn

TOKENS = 64


class Task(NamedTuple):
    """A network, what goes in, and the loss of what comes out."""

    build: Callable[[], nn.Module]
    batch: Callable[[torch.Generator], Tensor]
    loss: Callable[[Tensor, Tensor], Tensor]


def mlp(widths: tuple[int, ...], activation: Callable[[], nn.Module]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths[:-1]):
        layers += [nn.Linear(fan_in, fan_out), activation()]
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))


def cnn() -> nn.Sequential:
    channels = (3, 16, 32, 32, 64)
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(channels):
        layers += [nn.Conv2d(fan_in, fan_out, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(256, 5))


class Normed(nn.Module):
    """Convolutions with batch norms in residual blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(16, 16, 3, padding=1, bias=False),
                nn.BatchNorm2d(16),
                nn.ReLU(),
                nn.Conv2d(16, 16, 3, padding=1, bias=False),
                nn.BatchNorm2d(16),
            )
            for _ in range(4)
        )
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        for block in self.blocks:
            x = F.relu(x + block(x))
        out: Tensor = self.head(x.mean((2, 3)))
        return out


class Block(nn.Module):
    """Attention and a feed-forward part, each behind a norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, t, c = x.shape
        q, k, v = self.qkv(self.ln1(x)).view(n, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(n, t, c))
        out: Tensor = x + self.down(F.gelu(self.up(self.ln2(x))))
        return out


class Language(nn.Module):
    """A causal pre-norm transformer."""

    def __init__(self, blocks: int, width: int = 32, heads: int = 2, *, tied: bool = True) -> None:
        super().__init__()
        self.embedding, self.position = nn.Embedding(TOKENS, width), nn.Embedding(32, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, TOKENS, bias=False)
        if tied:
            self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens) + self.position(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.head(self.norm(x))
        return out


class Adapted(nn.Module):
    """A linear layer that is frozen, with a trained product of two thin ones beside it (LoRA)."""

    def __init__(self, fan_in: int, fan_out: int, rank: int = 4) -> None:
        super().__init__()
        self.base = nn.Linear(fan_in, fan_out).requires_grad_(False)
        self.down, self.up = nn.Linear(fan_in, rank, bias=False), nn.Linear(rank, fan_out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.base(x) + self.up(self.down(x))
        return out


def adapted() -> nn.Sequential:
    return nn.Sequential(Adapted(32, 48), nn.ReLU(), Adapted(48, 48), nn.ReLU(), nn.Linear(48, 4))


def vectors(size: int) -> Callable[[torch.Generator], Tensor]:
    return lambda generator: torch.randn(64, size, generator=generator)


def images(generator: torch.Generator) -> Tensor:
    return torch.randn(16, 3, 12, 12, generator=generator)


def sentences(generator: torch.Generator) -> Tensor:
    """Each token is the one before plus 1 or 2."""
    start, steps = (
        torch.randint(0, TOKENS, (8, 1), generator=generator),
        torch.randint(1, 3, (8, 16), generator=generator),
    )
    return (start + steps.cumsum(1)) % TOKENS


def largest(out: Tensor, given: Tensor) -> Tensor:
    """Which of the first inputs is the largest."""
    return F.cross_entropy(out, given.flatten(1)[:, : out.shape[1]].argmax(1))


def squares(out: Tensor, given: Tensor) -> Tensor:
    """Products of neighbours."""
    return F.mse_loss(out, (given * given.roll(1, 1))[:, : out.shape[1]])


def following(out: Tensor, given: Tensor) -> Tensor:
    """The next token."""
    return F.cross_entropy(out[:, :-1].flatten(0, 1), given[:, 1:].flatten())


def of_blocks(blocks: int, **options: Any) -> Task:
    return Task(lambda: Language(blocks, **options), sentences, following)


TASKS: dict[str, Task] = {
    "mlp": Task(lambda: mlp((8, 64, 64, 64, 64, 64, 64, 4), nn.ReLU), vectors(8), largest),
    "rectangular": Task(lambda: mlp((16, 64, 512, 64, 64, 4), nn.ReLU), vectors(16), largest),
    "tanh": Task(lambda: mlp((8, 64, 64, 64, 64, 4), nn.Tanh), vectors(8), squares),
    "cnn": Task(cnn, images, largest),
    "24 blocks": of_blocks(24),
    "4 blocks": of_blocks(4, width=64, heads=4),
    "lora": Task(adapted, vectors(32), largest),
    # of the second list
    "gelu": Task(lambda: mlp((12, 96, 96, 96, 96, 96, 3), nn.GELU), vectors(12), squares),
    "bottleneck": Task(lambda: mlp((32, 256, 32, 256, 32, 6), nn.ReLU), vectors(32), largest),
    "batch norm": Task(Normed, images, largest),
    "12 blocks": of_blocks(12, width=48, heads=3, tied=False),
    "6 tied blocks": of_blocks(6, width=48, heads=3),
}
