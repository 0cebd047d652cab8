"""Comparisons made by hand: an experiment and the outcomes that it would have had, without training anything."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from initwise.comparison import Cell, Comparison, Experiment, Outcome, Strategy, Task
from initwise.comparison._cells import TUNING
from initwise.comparison._design import Design

RATES = (0.01, 0.1, 1.0)
STEPS = 40


def build(seed: int) -> nn.Module:
    """A model that nobody trains."""
    return nn.Linear(2, 2)


def data(seed: int) -> tuple[Iterable[Any], Iterable[Any]]:
    """No batches."""
    return [], []


def loss(model: nn.Module, batch: Any) -> Tensor:
    """No loss."""
    return torch.zeros(())


def compared(
    losses: dict[str, list[float | None]], *, reference: str | None = "classic", rates: tuple[float, ...] = RATES
) -> Comparison:
    """Return the comparison in which each strategy had these losses, seed by seed; None is a divergence.

    At the middle learning rate of three, tuning found the lowest losses, and everything diverged at the highest.
    """
    names = tuple(losses)
    seeds = max(map(len, losses.values()))
    design = Design(names, rates, seeds, 2, racing=False, steps=STEPS)
    task = Task("by hand", build, data, loss, steps=STEPS, learning_rates=rates)
    strategies = tuple(Strategy(name, "classic") for name in names)
    experiment = Experiment(task, strategies, design, reference, 0.05, 0.02, "exact")
    outcomes = {cell: _tuned(cell, rates) for cell in design.tuning}
    for name, row in losses.items():
        for seed, value in enumerate(row):
            cell = Cell(name, rates[len(rates) // 2], seed)
            outcomes[cell] = outcome(cell, value)
    return Comparison(experiment, outcomes, {"task": task.name})


def _tuned(cell: Cell, rates: tuple[float, ...]) -> Outcome:
    place = rates.index(cell.rate)
    middle = len(rates) // 2
    value = None if place > middle else 1.0 + abs(place - middle) + (cell.seed - TUNING) / 100
    return outcome(cell, value)


def outcome(cell: Cell, value: float | None) -> Outcome:
    """Return what came of a cell whose loss fell to a value, or that left after a quarter of its steps."""
    end = 30.0 if value is None else value
    last = STEPS // 4 if value is None else STEPS
    curve = tuple((step, 3.0 + (end - 3.0) * step / STEPS) for step in range(2, last + 1, 2))
    outputs = [{"module": f"block.{place}", "std": 0.5**place, "zeros": 0.5} for place in range(4)]
    signals = {"gradient_norm": 1.5, "gradient_ratio": 0.25, "still": 0.0, "outputs": outputs}
    return Outcome(
        cell,
        start=3.0,
        training=value,
        validation=value,
        metric=None,
        diverged=value is None,
        steps=last,
        curve=(*curve, (last + 2, None)) if value is None else curve,
        signals=signals,
        seconds=1.0,
    )


def spread(middle: float, noise: float = 0.01, seeds: int = 8) -> list[float | None]:
    """Return losses around a value, another for each seed."""
    return [middle * math.exp(noise * math.sin(7 * seed + middle)) for seed in range(seeds)]
