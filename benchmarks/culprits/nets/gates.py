"""Nets whose layers multiply or are shared out: gated convolutions, a ConvLSTM, depthwise convolutions, a tagger."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import Tensor, nn


class GatedConvolutions(nn.Module):
    """Convolutions over words, each halved by a gated linear unit, without norms (Dauphin et al. 2017)."""

    def __init__(self, vocabulary: int = 2000, width: int = 128, depth: int = 6, kernel: int = 4) -> None:
        super().__init__()
        self.kernel = kernel
        self.words = nn.Embedding(vocabulary, width)
        self.layers = nn.ModuleList(nn.Conv1d(width, 2 * width, kernel) for _ in range(depth))
        self.head = nn.Linear(width, vocabulary)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.words(ids).transpose(1, 2)
        for layer in self.layers:
            x = F.glu(layer(F.pad(x, (self.kernel - 1, 0))), dim=1)
        out: Tensor = self.head(x.transpose(1, 2))
        return out


class ConvLstm(nn.Module):
    """One convolution gives all gates of a map that lives on through frames (Shi et al. 2015)."""

    def __init__(self, channels: int = 3, width: int = 32) -> None:
        super().__init__()
        self.width = width
        self.look = nn.Conv2d(channels, width, 3, padding=1)
        self.gates = nn.Conv2d(2 * width, 4 * width, 5, padding=2)
        self.frame = nn.Conv2d(width, channels, 1)

    def forward(self, frames: Tensor) -> Tensor:  # (batch, time, channels, height, width)
        n, steps, _, high, wide = frames.shape
        hidden = cell = torch.zeros(n, self.width, high, wide, device=frames.device)
        for step in range(steps):
            seen = torch.relu(self.look(frames[:, step]))
            i, f, o, g = self.gates(torch.cat([seen, hidden], dim=1)).chunk(4, dim=1)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
            hidden = torch.sigmoid(o) * torch.tanh(cell)
        out: Tensor = self.frame(hidden)
        return out


def separable(width: int = 64, depth: int = 5) -> nn.Sequential:
    """Depthwise and pointwise convolutions in turn, without norms: which word is spoken (Zhang et al. 2017)."""
    layers: list[nn.Module] = [nn.Conv2d(1, width, 3, 2, 1), nn.ReLU()]
    for _ in range(depth):
        layers += [nn.Conv2d(width, width, 3, padding=1, groups=width), nn.ReLU()]
        layers += [nn.Conv2d(width, width, 1), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 12))


def convolutional_autoencoder(widths: tuple[int, ...] = (3, 32, 64, 128)) -> nn.Sequential:
    """Convolutions down, transposed ones up, without norms."""
    down = [part for a, b in pairwise(widths) for part in (nn.Conv2d(a, b, 4, 2, 1), nn.ReLU())]
    up = [part for a, b in pairwise(widths[::-1]) for part in (nn.ConvTranspose2d(a, b, 4, 2, 1), nn.ReLU())]
    return nn.Sequential(*down, *up[:-1])


class Tagger(nn.Module):
    """A bidirectional LSTM, one tag for each word (Huang et al. 2015)."""

    def __init__(self, vocabulary: int = 2000, width: int = 256, tags: int = 17) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.lstm = nn.LSTM(width, width // 2, bidirectional=True, batch_first=True)
        self.tags = nn.Linear(width, tags)

    def forward(self, ids: Tensor) -> Tensor:
        x, _ = self.lstm(self.words(ids))
        out: Tensor = self.tags(x)
        return out
