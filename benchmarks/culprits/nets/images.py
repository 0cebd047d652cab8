"""Nets of convolutions: plain ones, residual ones without norms, up and down, two towers that are one."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


def vgg(widths: tuple[int, ...] = (64, 64, 128, 128, 256, 256, 512, 512)) -> nn.Sequential:
    """Convolutions of 3 x 3 with ReLU, halved after every second, without norms."""
    layers: list[nn.Module] = []
    for number, (a, b) in enumerate(pairwise((3, *widths))):
        layers += [nn.Conv2d(a, b, 3, padding=1), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if number % 2 else []
    head = [nn.Flatten(), nn.Linear(widths[-1] * 4, 512), nn.ReLU(), nn.Linear(512, 100)]
    return nn.Sequential(*layers, *head)


class Block(nn.Module):
    """x + conv2(relu(conv1(relu(x)))), without norms."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.conv2(torch.relu(self.conv1(torch.relu(x))))
        return out


def residual(width: int = 64, depth: int = 10) -> nn.Sequential:
    """A residual net without norms."""
    blocks = [Block(width) for _ in range(depth)]
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1),
        *blocks,
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, 10),
    )


class UNet(nn.Module):
    """Down with pooling, up with transposed convolutions, copies joined; without norms (Ronneberger et al. 2015)."""

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128, 256)) -> None:
        super().__init__()
        self.down = nn.ModuleList(_double(a, b) for a, b in pairwise((3, *widths)))
        ups = list(pairwise(widths[::-1]))
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, 2) for a, b in ups)
        self.merge = nn.ModuleList(_double(2 * b, b) for _, b in ups)
        self.out = nn.Conv2d(widths[0], 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept: list[Tensor] = []
        for block in self.down:
            x = block(nn.functional.max_pool2d(x, 2) if kept else x)
            kept.append(x)
        for up, merge, copy in zip(self.up, self.merge, kept[-2::-1], strict=True):
            x = merge(torch.cat([copy, up(x)], dim=1))
        out: Tensor = self.out(x)
        return out


def _double(a: int, b: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.Conv2d(b, b, 3, padding=1), nn.ReLU())


def generator(width: int = 64, latent: int = 100) -> nn.Sequential:
    """DCGAN's generator: 64 x 64 pixels from noise (Radford et al. 2015)."""
    layers: list[nn.Module] = []
    for number, (a, b) in enumerate(pairwise((latent, width * 8, width * 4, width * 2, width))):
        stride, padding = (2, 1) if number else (1, 0)
        layers += [nn.ConvTranspose2d(a, b, 4, stride, padding, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False), nn.Tanh())


def decoder(width: int = 32, latent: int = 64) -> nn.Sequential:
    """A variational autoencoder's decoder without norms: 32 x 32 pixels from a latent point."""
    layers: list[nn.Module] = []
    for number, (a, b) in enumerate(pairwise((latent, width * 4, width * 2, width))):
        stride, padding = (2, 1) if number else (1, 0)
        layers += [nn.ConvTranspose2d(a, b, 4, stride, padding), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(width, 3, 4, 2, 1))


class Siamese(nn.Module):
    """One encoder for two images; a dense layer judges how they differ."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU(),
            nn.Conv2d(64, 64, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 128), nn.ReLU(),
        )  # fmt: skip
        self.judge = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        out: Tensor = self.judge(self.encoder(first) - self.encoder(second))
        return out
