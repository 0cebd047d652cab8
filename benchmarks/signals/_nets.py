"""Models of the list that no library has: recurrent classifiers, and a U-Net with group norms."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


def mlp(activation: type[nn.Module], width: int = 512, depth: int = 12, classes: int = 100) -> nn.Module:
    """A deep multilayer perceptron over 256 features."""
    sizes = [256, *[width] * depth]
    layers = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), activation())]
    return nn.Sequential(*layers, nn.Linear(width, classes))


class LSTMClassifier(nn.Module):
    """Word vectors, two LSTMs one above the other, a class from the last state."""

    def __init__(self, vocabulary: int = 8192, width: int = 384, classes: int = 50) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.lstm = nn.LSTM(width, width, num_layers=2, batch_first=True)
        self.head = nn.Linear(width, classes)

    def forward(self, ids: Tensor) -> Tensor:
        states, _ = self.lstm(self.embedding(ids))
        out: Tensor = self.head(states[:, -1])
        return out


class GRUClassifier(nn.Module):
    """Features of speech, a GRU in both directions, a class from the mean over time."""

    def __init__(self, features: int = 80, width: int = 256, classes: int = 35) -> None:
        super().__init__()
        self.project = nn.Linear(features, width)
        self.gru = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.norm = nn.LayerNorm(2 * width)
        self.head = nn.Linear(2 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.gru(self.project(x))
        out: Tensor = self.head(self.norm(states).mean(dim=1))
        return out


class UNet(nn.Module):
    """U-Net (Ronneberger et al. 2015) with group norms and SiLU: copies of the way down joined on the way up."""

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128, 256)) -> None:
        super().__init__()
        ins = (3, *widths[:-1])
        pairs = list(zip(widths[::-1], widths[-2::-1], strict=False))
        self.down = nn.ModuleList(_double(a, b) for a, b in zip(ins, widths, strict=True))
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, 2) for a, b in pairs)
        self.merge = nn.ModuleList(_double(a, b) for a, b in pairs)
        self.out = nn.Conv2d(widths[0], 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for number, block in enumerate(self.down):
            x = block(nn.functional.max_pool2d(x, 2) if number else x)
            kept.append(x)
        for up, merge, skip in zip(self.up, self.merge, kept[-2::-1], strict=True):
            x = merge(torch.cat([skip, up(x)], dim=1))
        out: Tensor = self.out(x)
        return out


def _double(a: int, b: int) -> nn.Module:
    parts = [(nn.Conv2d(c, b, 3, padding=1), nn.GroupNorm(8, b), nn.SiLU()) for c in (a, b)]
    return nn.Sequential(*(part for three in parts for part in three))
