"""What is checked before an experiment runs: a few steps of every strategy, and of the first one twice."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import torch

from initwise.comparison._cells import Cell, finite
from initwise.comparison._experiment import Experiment
from initwise.comparison._failures import CellError, raised
from initwise.comparison._random import random_states_kept
from initwise.comparison._training import Start, metric_of, prepared, take_step, validation_loss
from initwise.digests import digest
from initwise.errors import ArgumentError, InitwiseError
from initwise.planning import Plan

STEPS = 3  # steps that are tried
BATCHES = 8  # batches that are compared


@dataclass(frozen=True)
class Trial:
    """The first steps of one strategy."""

    name: str
    plan: Plan
    weights: str
    losses: tuple[float, ...]
    batches: tuple[str, ...]
    held: tuple[float | None, ...]  # the validation loss and the metric before the first step
    untrained: tuple[str, ...]  # parameters that want a gradient, and that the optimizer does not hold

    @property
    def start(self) -> float | None:
        """The loss before the first step, if it is finite."""
        return self.losses[0] if math.isfinite(self.losses[0]) else None


def preflight(experiment: Experiment) -> list[Trial]:
    """Try every strategy for a few steps, and the first one twice; the random states of the caller stay as they are.

    Raises:
        ArgumentError: duplicates, a model that ignores the plan, an optimizer without the model's parameters, a loss
            that is no scalar, data that is not reproducible.
    """
    with random_states_kept():
        first = _tried(experiment, experiment.strategies[0].name)
        _same_again(experiment, first, _tried(experiment, first.name))
        tried = [first, *(_tried(experiment, each.name) for each in experiment.strategies[1:])]
    for one, other in itertools.combinations(tried, 2):
        _differ(experiment, one, other)
    return tried


def digests(experiment: Experiment, tried: list[Trial]) -> Mapping[str, str]:
    """Return the plan's digest of each strategy whose plan depends on no data."""
    free = {each.name for each in experiment.strategies if not each.steps and not callable(each.made)}
    return {each.name: each.plan.digest() for each in tried if each.name in free}


def _tried(experiment: Experiment, name: str) -> Trial:
    rates = experiment.design.rates
    cell = Cell(name, rates[len(rates) // 2], 0)
    try:
        return _run(experiment, cell)
    except InitwiseError:
        raise
    except Exception as error:
        raise CellError(f"compare: {cell}, tried before anything is run: {raised(error)}") from error


def _run(experiment: Experiment, cell: Cell) -> Trial:
    task = experiment.task
    start = prepared(task, experiment.strategy(cell.strategy), cell)
    untrained = _check_optimizer(experiment, start)
    weights = digest(start.model)
    held = (finite(validation_loss(task, start)), metric_of(task, start)) if start.validation else (None, None)
    start.model.train()
    batches = list(itertools.islice(start.batches, BATCHES))
    losses: list[float] = []
    for step in range(STEPS):
        losses.append(take_step(task, start, step, batches[step % len(batches)])[0])
        if not math.isfinite(losses[-1]):
            break
    shown = tuple(_digest(each) for each in batches)
    return Trial(cell.strategy, start.plan, weights, tuple(losses), shown, held, untrained)


def _check_optimizer(experiment: Experiment, start: Start) -> tuple[str, ...]:
    """Return which parameters that want a gradient the optimizer does not hold; refuse one that holds others."""
    held = {id(each) for group in start.optimizer.param_groups for each in group["params"]}
    owned = {id(each): name for name, each in start.model.named_parameters() if each.requires_grad}
    frozen = {id(each) for each in start.model.parameters() if not each.requires_grad}
    what = f"compare: task {experiment.task.name!r}: the optimizer"
    if not held & owned.keys():
        raise ArgumentError(
            f"{what} holds none of the model's parameters; make it from the parameters that it is given:"
            " optimizer(parameters, learning_rate)"
        )
    foreign = held - owned.keys() - frozen
    if foreign:
        raise ArgumentError(
            f"{what} holds {len(foreign)} parameters that are not the model's; make it from those that it is"
            " given: optimizer(parameters, learning_rate)"
        )
    return tuple(name for each, name in owned.items() if each not in held)


def _same_again(experiment: Experiment, one: Trial, two: Trial) -> None:
    task = f"compare: task {experiment.task.name!r}"
    for place, (a, b) in enumerate(zip(one.batches, two.batches, strict=False)):
        if a != b:
            raise ArgumentError(
                f"{task}: the data are not reproducible: batch {place} of data(0) was another when the same cell was"
                " run again; let data(seed) make its loaders anew, shuffle by torch's global generator or by one"
                " seeded with the seed, and draw augmentation from torch, NumPy or random"
            )
    if one.weights != two.weights:
        raise ArgumentError(
            f"{task}: the weights of strategy {one.name!r} were others when the same cell was run again; let the"
            " strategy depend on its arguments only"
        )
    if not all(_close(a, b) for a, b in zip(one.losses, two.losses, strict=False)):
        raise ArgumentError(
            f"{task}: the loss is not reproducible: {_listed(one)}, and {_listed(two)} when the same cell was run"
            " again; let it draw from torch's global generator only"
        )
    if one.held != two.held and not all(map(_near, one.held, two.held)):
        raise ArgumentError(
            f"{task}: validation is not reproducible: loss and metric before training are {_both(one)}, and"
            f" {_both(two)} when the same cell was run again; let data(seed) give the same validation batches"
        )


def _close(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=1e-3)


def _near(a: float | None, b: float | None) -> bool:
    return a == b if a is None or b is None else _close(a, b)


def _both(tried: Trial) -> str:
    return " and ".join("none" if each is None else f"{each:.6g}" for each in tried.held)


def _differ(experiment: Experiment, one: Trial, other: Trial) -> None:
    pair = f"strategies {one.name!r} and {other.name!r}"
    if one.plan.digest() == other.plan.digest() and one.plan.multipliers == other.plan.multipliers:
        raise ArgumentError(
            f"compare: {pair} decide the same for every parameter (equal plan digests); leave one of them out"
        )
    task = f"compare: task {experiment.task.name!r}"
    if one.weights == other.weights and one.plan.multipliers == other.plan.multipliers:
        raise ArgumentError(
            f"{task}: the model ignores the plan: {pair} decide differently, and its weights are equal under both; let"
            " build(seed) return a new model whose parameters are trained, and leave their values alone in optimizer"
        )
    if one.losses == other.losses and len(one.losses) == STEPS and one.weights != other.weights:
        raise ArgumentError(
            f"{task}: the loss ignores the model: {pair} give other weights, and the losses of the first {STEPS}"
            f" steps are equal to the last digit ({_listed(one)}); let loss(model, batch) use the model that it is"
            " given"
        )


def _listed(tried: Trial) -> str:
    return ", ".join(f"{loss:.6g}" for loss in tried.losses)


def _digest(batch: Any) -> str:
    found = blake2b(digest_size=16)
    for part in _parts(batch):
        found.update(part)
    return found.hexdigest()


def _parts(batch: Any) -> Iterator[bytes]:
    """Yield what a batch holds as bytes: tensors by their values, everything else by its text."""
    if torch.is_tensor(batch):
        dense = batch.detach().to_dense() if batch.layout != torch.strided else batch.detach()
        values = dense.cpu().contiguous()
        yield f"{values.dtype}{tuple(values.shape)}".encode()
        yield values.reshape(-1).view(torch.uint8).numpy().tobytes() if values.numel() else b""
    elif isinstance(batch, Mapping) or hasattr(batch, "items"):
        for name, part in batch.items():
            yield str(name).encode()
            yield from _parts(part)
    elif isinstance(batch, (tuple, list)):
        for part in batch:
            yield from _parts(part)
    else:
        yield repr(batch).encode()
