"""Run one cell: build, plan, apply, train, evaluate. Everything random depends on the cell's seed alone."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from initwise._arguments import show
from initwise.comparison._cells import Cell, Curve, Outcome, finite
from initwise.comparison._random import random_states_kept, reseed
from initwise.comparison._signals import first_signals, outputs_watched
from initwise.comparison._strategies import Strategy
from initwise.comparison.tasks import Task
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.planning import Plan
from initwise.signals import scale_groups
from initwise.writing import apply

POINTS = 40  # of the training curve
EVALUATIONS = 8  # of the validation curve
CALIBRATING = 4  # batches that a strategy may look at
ENOUGH = 2.0  # times the loss at the start: above it, a run has diverged


def run_cell(task: Task, strategy: Strategy, cell: Cell, steps: int) -> Outcome:
    """Run one cell of an experiment and return its outcome; the random states of the caller stay as they are."""
    began = time.perf_counter()
    with random_states_kept():
        start = prepared(task, strategy, cell)
        return _trained(task, start, steps, began)


@dataclass(frozen=True)
class Start:
    """A cell before its first step."""

    cell: Cell
    model: nn.Module
    plan: Plan
    optimizer: torch.optim.Optimizer
    validation: list[Any]
    batches: Iterator[Any]


def prepared(task: Task, strategy: Strategy, cell: Cell) -> Start:
    """Build the model, its weights, its data and its optimizer."""
    seed = cell.seed
    reseed(seed, "build")
    model: Any = task.build(seed)
    if not isinstance(model, nn.Module):
        raise ArgumentTypeError(
            f"compare: task {task.name!r}: build returned {show(model)} of type {type(model).__name__}; return an"
            " nn.Module"
        )
    training, validation = _data(task, seed)
    first = list(itertools.islice(iter(_seeded(training, seed)), CALIBRATING))
    if not first:
        raise ArgumentError(f"compare: task {task.name!r}: data({seed}) gave no training batch; give at least one")
    if validation is not None and not validation:
        raise ArgumentError(
            f"compare: task {task.name!r}: data({seed}) gave no validation batch; give at least one, or None in their"
            " place, to judge by the training loss"
        )
    reseed(seed, "strategy")
    decided = strategy.plan(model, first, task.given(first[0]), seed)
    apply(model, decided)
    reseed(seed, "optimizer")
    optimizer: Any = task.optimize(model, cell.rate)
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise ArgumentTypeError(
            f"compare: task {task.name!r}: optimizer returned {show(optimizer)} of type {type(optimizer).__name__};"
            " return a torch optimizer"
        )
    scale_groups(optimizer, model, decided)
    return Start(cell, model, decided, optimizer, validation or [], _endless(training, seed))


def _data(task: Task, seed: int) -> tuple[Iterable[Any], list[Any] | None]:
    reseed(seed, "data")
    found: Any = task.training_and_validation(seed)
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        raise ArgumentTypeError(
            f"compare: task {task.name!r}: data returned {show(found)}; return (training, validation), two iterables of"
            " batches"
        )
    training, validation = found
    if iter(training) is training:
        raise ArgumentError(
            f"compare: task {task.name!r}: the training batches are an iterator, which can be read once; return a"
            " list or a loader, which every epoch iterates anew"
        )
    reseed(seed, "validation")
    return training, None if validation is None else list(validation)


def _seeded(training: Iterable[Any], seed: int, epoch: int = 0) -> Iterator[Any]:
    """Iterate one epoch, every batch under a random state of its own (augmentation draws from it)."""
    reseed(seed, "epoch", epoch)
    batches = iter(training)
    for place in itertools.count():
        reseed(seed, f"batch of epoch {epoch}", place)
        try:
            batch = next(batches)
        except StopIteration:
            return
        yield batch


def _endless(training: Iterable[Any], seed: int) -> Iterator[Any]:
    for epoch in itertools.count():
        yield from _seeded(training, seed, epoch)


def scalar_loss(task: Task, model: nn.Module, batch: Any) -> Tensor:
    """Return the task's loss, which must be one number.

    Raises:
        ArgumentTypeError: it is none.
    """
    loss: Any = task.loss(model, batch)
    if not torch.is_tensor(loss) or loss.numel() != 1 or not loss.is_floating_point():
        found = show(loss)
        if torch.is_tensor(loss):
            found = f"a tensor of shape {tuple(loss.shape)}" if loss.numel() != 1 else f"a tensor of {loss.dtype}"
        raise ArgumentTypeError(
            f"compare: task {task.name!r}: the loss is {found}; return a scalar tensor, such as losses.mean()"
        )
    scalar: Tensor = loss.reshape(())
    return scalar


def take_step(task: Task, start: Start, step: int, batch: Any) -> tuple[float, Any]:
    """Take one optimizer step unless the loss is not finite; return the loss before it, and signals if it is the
    first.
    """
    reseed(start.cell.seed, "noise", step)
    start.optimizer.zero_grad(set_to_none=True)
    if step:
        loss, rows = scalar_loss(task, start.model, batch), None
    else:
        with outputs_watched(start.model) as rows:
            loss = scalar_loss(task, start.model, batch)
    value = loss.item()
    if not math.isfinite(value):
        return value, None
    if not loss.requires_grad:
        raise ArgumentError(
            f"compare: task {task.name!r}: the loss has no gradient; let loss(model, batch) return it with its graph,"
            " without detach() and no_grad(), and leave some parameter trainable"
        )
    loss.backward()
    signals = None if rows is None else first_signals(start.model, rows)
    start.optimizer.step()
    return value, signals


def _trained(task: Task, start: Start, steps: int, began: float) -> Outcome:
    start.model.train()
    losses: list[float] = []
    signals: dict[str, Any] = {}
    first = None
    along: list[tuple[int, float | None]] = []
    asked = {round(steps * (place + 1) / EVALUATIONS) for place in range(EVALUATIONS)}
    for step in range(steps):
        batch = next(start.batches)
        first = batch if first is None else first
        value, shown = take_step(task, start, step, batch)
        losses.append(value)
        signals = shown or signals
        if not math.isfinite(value):
            break
        if step + 1 in asked and start.validation:
            along.append((step + 1, finite(validation_loss(task, start))))
    found = _outcome(task, start, losses, tuple(along), signals, began)
    return found if found.diverged else replace(found, again=_again(task, start, first))


def _outcome(
    task: Task, start: Start, losses: list[float], along: Curve, signals: dict[str, Any], began: float
) -> Outcome:
    last = losses[-max(1, len(losses) // 10) :]
    training = finite(sum(last) / len(last))
    validation = along[-1][1] if along and math.isfinite(losses[-1]) else None
    failed = training is None or training > ENOUGH * abs(losses[0]) or (bool(start.validation) and validation is None)
    return Outcome(
        start.cell,
        start=finite(losses[0]),
        training=training,
        validation=validation,
        metric=None if failed else metric_of(task, start),
        diverged=failed,
        steps=len(losses) - (not math.isfinite(losses[-1])),
        curve=_thinned(losses),
        validation_curve=along,
        signals=signals,
        seconds=round(time.perf_counter() - began, 3),
    )


def _again(task: Task, start: Start, batch: Any) -> float | None:
    """Return the loss of the first batch after the last step, under the noise of the first one."""
    reseed(start.cell.seed, "noise", 0)
    return finite(scalar_loss(task, start.model, batch).item())


def validation_loss(task: Task, start: Start) -> float:
    """Return the loss on the validation batches, as things stand."""
    return _mean(start, lambda batch: scalar_loss(task, start.model, batch).item())


def metric_of(task: Task, start: Start) -> float | None:
    """Return the task's metric on the validation batches; None without either, or where it is not finite."""
    metric: Any = task.metric
    if metric is None or not start.validation:
        return None
    return finite(_mean(start, lambda batch: _number(task, metric(start.model, batch))))


def _number(task: Task, found: Any) -> float:
    one = found.numel() == 1 if torch.is_tensor(found) else isinstance(found, (bool, int, float, np.number))
    if not one:
        raise ArgumentTypeError(
            f"compare: task {task.name!r}: the metric is {show(found)} of type {type(found).__name__}; return a number"
        )
    return float(found)


def _mean(start: Start, value: Callable[[Any], float]) -> float:
    """Return the mean over validation batches, each weighed by its rows, in evaluation mode and under a fixed noise."""
    reseed(start.cell.seed, "evaluation")
    start.model.eval()
    with torch.no_grad():
        weighed = [(value(batch), _rows(batch)) for batch in start.validation]
    start.model.train()
    return float(sum(each * rows for each, rows in weighed) / sum(rows for _, rows in weighed))


def _rows(batch: Any) -> int:
    """Return how many rows a batch has, by the first tensor in it."""
    if torch.is_tensor(batch):
        return max(1, batch.shape[0]) if batch.dim() else 1
    parts = batch.values() if hasattr(batch, "values") else batch if isinstance(batch, (tuple, list)) else ()
    return next((_rows(part) for part in parts if torch.is_tensor(part)), 1)


def _thinned(losses: list[float]) -> Curve:
    """Return at most `POINTS` points, each the mean of the steps since the point before it."""
    ends = sorted({max(1, round(len(losses) * (place + 1) / POINTS)) for place in range(POINTS)})
    return tuple(
        (end, finite(sum(losses[start:end]) / (end - start))) for start, end in zip([0, *ends[:-1]], ends, strict=True)
    )
