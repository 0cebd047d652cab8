"""Nets with more than one head, tower or member: an agent, a mixture of densities, a bilinear match, an ensemble."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from benchmarks.culprits.nets.dense import chain


class ActorCritic(nn.Module):
    """A policy and a value from one trunk (Mnih et al. 2016)."""

    def __init__(self, observed: int = 48, actions: int = 6, width: int = 64) -> None:
        super().__init__()
        self.trunk = nn.Sequential(*chain(nn.Tanh, (observed, width, width, width)), nn.Tanh())
        self.actor, self.critic = nn.Linear(width, actions), nn.Linear(width, 1)

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        x = self.trunk(state)
        return self.actor(x), self.critic(x)


class MixtureDensity(nn.Module):
    """Shares, means and widths of a mixture of normal laws (Bishop 1994)."""

    def __init__(self, features: int = 16, width: int = 128, parts: int = 8) -> None:
        super().__init__()
        self.body = nn.Sequential(*chain(nn.Tanh, (features, *[width] * 4)), nn.Tanh())
        self.share, self.mean, self.log_std = (nn.Linear(width, parts) for _ in range(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.body(x)
        return torch.softmax(self.share(x), dim=-1), self.mean(x), torch.exp(self.log_std(x))


class BilinearMatch(nn.Module):
    """What two towers say is joined by a bilinear layer; a net judges it."""

    def __init__(self, features: int = 100, width: int = 64) -> None:
        super().__init__()
        self.left = nn.Sequential(*chain(nn.ReLU, (features, 128, width)), nn.ReLU())
        self.right = nn.Sequential(*chain(nn.ReLU, (features, 128, width)), nn.ReLU())
        self.join = nn.Bilinear(width, width, width)
        self.judge = chain(nn.ReLU, (width, width, 1))

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        out: Tensor = self.judge(torch.relu(self.join(self.left(left), self.right(right))))
        return out


class Members(nn.Module):
    """One dense layer for each member of an ensemble, in one weight (member, in, out)."""

    def __init__(self, members: int, a: int, b: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(members, a, b))
        self.bias = nn.Parameter(torch.zeros(members, 1, b))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("mni,mio->mno", x, self.weight) + self.bias


class Ensemble(nn.Module):
    """Seven nets that say what comes next, side by side (Chua et al. 2018)."""

    def __init__(self, features: int = 24, width: int = 200, members: int = 7) -> None:
        super().__init__()
        self.members = members
        sizes = (features, width, width, width)
        self.layers = nn.ModuleList(Members(members, a, b) for a, b in pairwise(sizes))
        self.last = Members(members, width, features)

    def forward(self, state: Tensor) -> Tensor:
        x = state.expand(self.members, *state.shape)
        for layer in self.layers:
            x = torch.relu(layer(x))
        out: Tensor = self.last(x)
        return out
