"""Monitors made by hand, from frames, and small trainings, for the tests of their page."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

import initwise as iw
from initwise.monitoring import Alert, Frame, LayerRow, ParameterRow, Suggestion
from initwise.pages.training._content import Training


def trained(steps: int = 30, *, wrong: bool = False, rate: float = 0.05, sinks: object = ()) -> iw.Monitor:
    """Train a chain of layers; a wrong one has a bias that kills its ReLU."""
    torch.manual_seed(0)
    model = nn.Sequential(*(each for _ in range(4) for each in (nn.Linear(32, 32), nn.ReLU())), nn.Linear(32, 4))
    rules = [iw.rule("2.bias", iw.Constant(-4.0))] if wrong else []
    plan = iw.plan(model, [*rules, "kaiming"], seed=0)
    iw.apply(model, plan)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    monitor = iw.Monitor(model, plan, optimizer=optimizer, sinks=sinks)  # type: ignore[arg-type]
    inputs = torch.randn(64, 32, generator=torch.Generator().manual_seed(1))
    for _ in range(steps):
        with monitor.step() as step:
            optimizer.zero_grad()
            step.loss = nn.functional.cross_entropy(model(inputs), inputs[:, :4].argmax(1))
            step.loss.backward()
            optimizer.step()
    return monitor


def seen(
    layers: int = 3, frames: int = 4, *, losses: list[float | None] | None = None, alerts: tuple[Alert, ...] = ()
) -> Training:
    """Return what would have been seen of so many layers `block.0`, each with a weight and dropout behind it."""
    told = losses or [2.0 / (step + 1) for step in range(frames)]
    made = tuple(_frame(step, told[step], layers) for step in range(frames))
    matrices = frozenset(f"block.{place}.weight" for place in range(layers))
    return Training("Training", frames, False, made, alerts, None, Suggestion(), None, matrices, ("a note",))


def _frame(step: int, loss: float | None, layers: int) -> Frame:
    rows: list[LayerRow] = []
    parameters: list[ParameterRow] = []
    for place in range(layers):
        name = f"block.{place}"
        held = (f"{name}.weight", f"{name}.bias")
        level = 10.0 ** ((place % 7) - 3) * (1 + 0.37 * ((step * 7 + place) % 11))
        row = LayerRow(name, 0, "Linear", "", held, (8, 8), second_moment=level, effective_rank=3.0 + level % 5)
        rows.append(replace(row, grad_second_moment=level * 1e-7))
        rows.append(LayerRow(f"{name}.drop", 0, "Dropout", name, (), (8, 8), second_moment=level))
        rows.append(LayerRow(f"{name}.act", 0, "ReLU", name, (), (8, 8), units=8, dead=place % 3 / 4))
        parameters += [ParameterRow(each, rms=0.1, update_ratio=level * 1e-3, distance=level * 1e-2) for each in held]
    return Frame(step, loss, tuple(rows), tuple(parameters), rate=0.1)
