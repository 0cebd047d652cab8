"""Architectures in plain torch, as they are written in papers and tutorials."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


def mlp(activation: type[nn.Module], *, width: int = 512, depth: int = 12, classes: int = 100) -> nn.Module:
    """A deep multilayer perceptron."""
    sizes = [256, *[width] * depth]
    layers = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), activation())]
    return nn.Sequential(*layers, nn.Linear(width, classes))


def generator(width: int = 64, latent: int = 100) -> nn.Module:
    """DCGAN's generator (Radford et al. 2015): 64 x 64 pixels from noise."""
    sizes = [latent, width * 8, width * 4, width * 2, width]
    layers: list[nn.Module] = []
    for number, (a, b) in enumerate(pairwise(sizes)):
        stride, padding = (2, 1) if number else (1, 0)
        layers += [nn.ConvTranspose2d(a, b, 4, stride, padding, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False), nn.Tanh())


def autoencoder() -> nn.Module:
    """Convolutions with stride, and transposed ones back, without norms, with leaky ReLU."""
    down, up = [3, 64, 128, 256], [256, 128, 64]
    layers: list[nn.Module] = []
    for a, b in pairwise(down):
        layers += [nn.Conv2d(a, b, 4, 2, 1), nn.LeakyReLU(0.2)]
    for a, b in pairwise(up):
        layers += [nn.ConvTranspose2d(a, b, 4, 2, 1), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.ConvTranspose2d(64, 3, 4, 2, 1))


class UNet(nn.Module):
    """U-Net (Ronneberger et al. 2015): two convolutions a level, copies of the way down joined on the way up."""

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128, 256), *, norm: bool = True) -> None:
        super().__init__()
        ins = (3, *widths[:-1])
        self.down = nn.ModuleList(_double(a, b, norm=norm) for a, b in zip(ins, widths, strict=True))
        pairs = list(zip(widths[::-1], widths[-2::-1], strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, 2) for a, b in pairs)
        self.merge = nn.ModuleList(_double(a, b, norm=norm) for a, b in pairs)
        self.out = nn.Conv2d(widths[0], 3, 1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for number, block in enumerate(self.down):
            x = block(self.pool(x) if number else x)
            kept.append(x)
        for up, merge, skip in zip(self.up, self.merge, kept[-2::-1], strict=True):
            x = merge(torch.cat([skip, up(x)], dim=1))
        out: Tensor = self.out(x)
        return out


def _double(a: int, b: int, *, norm: bool) -> nn.Module:
    def convolution(a: int, b: int) -> list[nn.Module]:
        norms: list[nn.Module] = [nn.BatchNorm2d(b)] if norm else []
        return [nn.Conv2d(a, b, 3, padding=1, bias=not norm), *norms, nn.ReLU()]

    return nn.Sequential(*convolution(a, b), *convolution(b, b))


class LanguageModel(nn.Module):
    """Embeddings, LSTMs one above the other, a head."""

    def __init__(self, vocabulary: int = 8192, width: int = 384, layers: int = 3) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.layers = nn.ModuleList(nn.LSTM(width, width, batch_first=True) for _ in range(layers))
        self.head = nn.Linear(width, vocabulary)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embedding(ids)
        for layer in self.layers:
            x, _ = layer(x)
        out: Tensor = self.head(x)
        return out


class SequenceClassifier(nn.Module):
    """A GRU over features; its last state tells the class."""

    def __init__(self, features: int = 80, width: int = 256, classes: int = 35) -> None:
        super().__init__()
        self.project = nn.Linear(features, width)
        self.first = nn.GRU(width, width, batch_first=True)
        self.second = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x, _ = self.first(self.project(x))
        x, _ = self.second(x)
        out: Tensor = self.head(x[:, -1])
        return out


class Encoder(nn.Module):
    """`nn.TransformerEncoder` over tokens, and a class from their mean."""

    def __init__(self, *, norm_first: bool, activation: str = "relu", layers: int = 6, width: int = 256) -> None:
        super().__init__()
        self.tokens = nn.Embedding(8192, width)
        self.positions = nn.Parameter(torch.zeros(1, 64, width))
        layer = nn.TransformerEncoderLayer(
            width, 4, 4 * width, activation=activation, batch_first=True, norm_first=norm_first
        )
        final = nn.LayerNorm(width) if norm_first else None
        self.encoder = nn.TransformerEncoder(layer, layers, norm=final, enable_nested_tensor=False)
        self.head = nn.Linear(width, 100)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids) + self.positions[:, : ids.shape[1]]
        out: Tensor = self.head(self.encoder(x).mean(dim=1))
        return out


class Waves(nn.Module):
    """Convolutions over raw audio (M11, Dai et al. 2016): batch norm, pooling, one class."""

    def __init__(self, width: int = 64, classes: int = 35) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv1d(1, width, 80, 4), nn.BatchNorm1d(width), nn.ReLU(), nn.MaxPool1d(4)]
        for a, b, count in ((width, width, 2), (width, 2 * width, 2), (2 * width, 4 * width, 3)):
            for number in range(count):
                layers += [nn.Conv1d(b if number else a, b, 3, padding=1), nn.BatchNorm1d(b), nn.ReLU()]
            layers.append(nn.MaxPool1d(4))
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(4 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.features(x).mean(dim=-1))
        return out
