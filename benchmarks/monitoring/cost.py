"""What a monitor costs: steps that are looked at against plain ones, and what is left on all others."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

import initwise as iw
from benchmarks.measure import seconds
from initwise.monitoring import Logarithmic

STEPS = 1000


@dataclass(frozen=True)
class Case:
    """A training step of a usual size."""

    name: str
    inputs: str
    build: Callable[[], nn.Module]
    batch: Callable[[], Any]
    loss: Callable[[Any], Tensor]


@dataclass(frozen=True)
class Cost:
    """Median seconds of a plain step, of one that is looked at, and what the monitor takes on any other step."""

    case: Case
    rows: int
    plain: float
    sampled: float
    idle: float

    def over(self, steps: int = STEPS) -> float:
        """The share of training time that the default schedule takes over so many steps."""
        looked = sum(map(Logarithmic(), range(steps)))
        added = looked * max(self.sampled - self.plain, 0.0) + (steps - looked) * self.idle
        return added / (steps * self.plain)


def cost(case: Case, rounds: int) -> Cost:
    """Train plainly and looked at, in turns, and return the medians."""
    torch.manual_seed(0)
    model, given = case.build().train(), case.batch()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    wanted = [False]
    monitor = iw.Monitor(model, schedule=lambda _: wanted[0], optimizer=optimizer)

    def step() -> None:
        optimizer.zero_grad()
        loss = case.loss(model(given))
        loss.backward()
        optimizer.step()
        last.append(loss.detach())

    def looked() -> None:
        wanted[0] = True
        with monitor.step() as made:
            step()
            made.loss = last[-1]

    last: list[Tensor] = []
    step()
    looked()  # both once, to warm up
    plain, sampled = [], []
    for _ in range(rounds):
        plain.append(seconds(step))
        sampled.append(seconds(looked))
    wanted[0] = False
    return Cost(case, len(monitor.frames[-1].layers), median(plain), median(sampled), _idle(monitor, last[-1]))


def _idle(monitor: iw.Monitor, loss: Tensor, times: int = 1000) -> float:
    """Seconds that the monitor takes on a step that is not looked at."""
    start = time.perf_counter()
    for _ in range(times):
        monitor.before()
        monitor.after(loss)
    return (time.perf_counter() - start) / times
