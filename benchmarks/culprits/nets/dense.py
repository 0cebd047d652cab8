"""Nets of dense layers: chains, coordinates to a signal, tables, recommenders, couplings, sets, graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


def chain(activation: Callable[[], nn.Module], sizes: Sequence[int]) -> nn.Sequential:
    """Dense layers with an activation between them."""
    layers = [part for a, b in pairwise(sizes[:-1]) for part in (nn.Linear(a, b), activation())]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


class Siren(nn.Module):
    """Coordinates to a signal through sin(30 (W x + b)) (Sitzmann et al. 2020)."""

    def __init__(self, width: int = 256, depth: int = 5) -> None:
        super().__init__()
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise([2, *[width] * depth]))
        self.out = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.hidden:
            x = torch.sin(30.0 * layer(x))
        out: Tensor = self.out(x)
        return out


class Dlrm(nn.Module):
    """Dense features and looked-up ones, their inner products, a tower on top (Naumov et al. 2019)."""

    def __init__(self, tables: Sequence[int] = (1000, 200, 5000, 50), width: int = 32) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(size, width) for size in tables)
        self.bottom = nn.Sequential(nn.Linear(13, 256), nn.ReLU(), nn.Linear(256, width), nn.ReLU())
        pairs = (len(tables) + 1) * len(tables) // 2
        self.top = nn.Sequential(nn.Linear(width + pairs, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU())
        self.click = nn.Linear(256, 1)

    def forward(self, dense: Tensor, ids: Tensor) -> Tensor:
        x = self.bottom(dense)
        rows = torch.stack([x, *(table(ids[:, at]) for at, table in enumerate(self.tables))], dim=1)
        products = torch.bmm(rows, rows.transpose(1, 2)) / rows.shape[-1] ** 0.5
        first, second = torch.tril_indices(rows.shape[1], rows.shape[1], offset=-1)
        out: Tensor = self.click(self.top(torch.cat([x, products[:, first, second]], dim=1)))
        return out


class Ncf(nn.Module):
    """Users and items: a product of two lookups beside a tower over two others (He et al. 2017)."""

    def __init__(self, users: int = 2000, items: int = 3000, width: int = 64) -> None:
        super().__init__()
        self.user_product, self.item_product = nn.Embedding(users, width), nn.Embedding(items, width)
        self.user_tower, self.item_tower = nn.Embedding(users, width), nn.Embedding(items, width)
        self.tower = nn.Sequential(
            nn.Linear(2 * width, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU()
        )
        self.score = nn.Linear(width + 64, 1)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        product = self.user_product(users) * self.item_product(items)
        tower = self.tower(torch.cat([self.user_tower(users), self.item_tower(items)], dim=-1))
        out: Tensor = self.score(torch.cat([product, tower], dim=-1))
        return out


class Coupling(nn.Module):
    """One half is scaled and shifted by what a net says of the other (RealNVP, Dinh et al. 2017)."""

    def __init__(self, half: int, width: int) -> None:
        super().__init__()
        self.net = chain(nn.ReLU, [half, width, width, 2 * half])

    def forward(self, x: Tensor) -> Tensor:
        kept, changed = x.chunk(2, dim=-1)
        scale, shift = self.net(kept).chunk(2, dim=-1)
        return torch.cat([changed * torch.exp(scale) + shift, kept], dim=-1)


def flow(size: int = 32, width: int = 128, depth: int = 6) -> nn.Sequential:
    """Couplings one after the other, the halves changing places."""
    return nn.Sequential(*(Coupling(size // 2, width) for _ in range(depth)))


class PointNet(nn.Module):
    """One net for each point, the maximum over points, a classifier (Qi et al. 2017, without its transforms)."""

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.point = chain(nn.ReLU, [3, width, width, width, width])
        self.cloud = chain(nn.ReLU, [width, width, width, 40])

    def forward(self, points: Tensor) -> Tensor:
        out: Tensor = self.cloud(torch.relu(self.point(points)).amax(dim=1))
        return out


class GraphLayer(nn.Module):
    """x W + A x V with W and V as (in, out), as graph networks are written by hand (Hamilton et al. 2017)."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__()
        self.own = nn.Parameter(torch.empty(a, b))
        self.neighbours = nn.Parameter(torch.empty(a, b))
        self.bias = nn.Parameter(torch.zeros(b))

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        return x @ self.own + adjacency @ x @ self.neighbours + self.bias


class GraphNet(nn.Module):
    """Four layers over the nodes of a graph."""

    def __init__(self, sizes: Sequence[int] = (512, 32, 32, 32, 7)) -> None:
        super().__init__()
        self.layers = nn.ModuleList(GraphLayer(a, b) for a, b in pairwise(sizes))

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        for number, layer in enumerate(self.layers):
            x = layer(torch.relu(x) if number else x, adjacency)
        return x
