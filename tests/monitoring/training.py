"""Small models and loops that the tests of monitors share."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import Tensor, nn

import initwise as iw


def net(width: int = 64) -> nn.Sequential:
    """Three layers, a ReLU and a tanh."""
    return nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 3))


class Functional(nn.Module):
    """Activations called as functions, one in place."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = nn.Linear(8, 32), nn.Linear(32, 32), nn.Linear(32, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Scores."""
        x = F.relu(self.one(x), inplace=True)
        out: Tensor = self.three(torch.tanh(self.two(x)))
        return out


def batch(count: int = 32, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Inputs and labels."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 8, generator=generator), torch.arange(count) % 3


def train(
    model: nn.Module,
    monitor: iw.Monitor,
    optimizer: torch.optim.Optimizer,
    steps: int = 1,
    change: Callable[[int, Tensor], Tensor] = lambda _, loss: loss,
) -> None:
    """Train on one batch."""
    inputs, labels = batch()
    for index in range(steps):
        with monitor.step() as step:
            optimizer.zero_grad()
            loss = change(index, F.cross_entropy(model(inputs), labels))
            loss.backward()
            optimizer.step()
            step.loss = loss


def hooks(model: nn.Module) -> int:
    """How many hooks its modules have."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(vars(module)[kind]) for module in model.modules() for kind in kinds)
