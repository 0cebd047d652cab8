"""A task from a LightningModule, used without its Trainer."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from initwise._arguments import show
from initwise.comparison.tasks._data import Loaders
from initwise.comparison.tasks._task import Task
from initwise.errors import ArgumentTypeError


def from_lightning(
    build: Callable[[], Any], training: Any, validation: Any, *, name: str = "", batch_size: int = 64, **options: Any
) -> Task:
    """Make a task from a LightningModule's own `training_step` and `configure_optimizers`.

    The cells are plain loops: Lightning's Trainer, its callbacks, its precision plugins and its learning-rate schedules
    play no part, `self.log` does nothing. The learning rates of the module's parameter groups are scaled so that the
    largest is the one that is tried.

    Args:
        build: returns a new `LightningModule`; called without arguments.
        training: a dataset or a loader, as for `from_data`.
        validation: the same.
        name: the task's name; by default that of the factory.
        batch_size: of batches from datasets.
        options: further fields of `Task`: metric, inputs, steps, learning_rates, optimizer.

    Raises:
        ArgumentTypeError: `build` cannot be called.
    """
    if not callable(build):
        raise ArgumentTypeError(
            f"from_lightning: build is {show(build)}; give the LightningModule's class, or a function that returns a"
            " new one"
        )
    return Task(
        name or getattr(build, "__name__", "lightning"),
        _Build(build),
        Loaders(training, validation, batch_size),
        training_step,
        **{"optimizer": Configured(), **options},
    )


@dataclass(frozen=True)
class _Build:
    factory: Callable[[], Any]

    def __call__(self, seed: int) -> nn.Module:
        module: nn.Module = self.factory()
        for needed in ("training_step", "configure_optimizers"):
            if not hasattr(module, needed):
                raise ArgumentTypeError(
                    f"from_lightning: {type(module).__name__} has no {needed}; give a LightningModule, or use from_data"
                )
        return module


def training_step(model: nn.Module, batch: Any) -> Tensor:
    """Return the loss of the module's own training step."""
    module: Any = model
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*self.log.*")  # there is no Trainer that would log
        found = module.training_step(batch, 0)
    loss: Tensor = found["loss"] if isinstance(found, dict) else found
    return loss


@dataclass(frozen=True)
class Configured:
    """The module's own optimizer, its learning rates scaled so that the largest is the one that is tried."""

    takes_model = True

    def __call__(self, model: Any, learning_rate: float) -> torch.optim.Optimizer:
        found = _one(model.configure_optimizers())
        if not isinstance(found, torch.optim.Optimizer):
            raise ArgumentTypeError(
                f"from_lightning: configure_optimizers of {type(model).__name__} gave {show(found)}; a comparison needs"
                " one optimizer"
            )
        largest = max(group["lr"] for group in found.param_groups)
        for group in found.param_groups:
            group["lr"] = learning_rate * (group["lr"] / largest if largest else 1.0)
        return found


def _one(found: Any) -> Any:
    """Return the one optimizer of what `configure_optimizers` may return: it, a mapping, or lists with schedulers."""
    if isinstance(found, dict):
        return found.get("optimizer")
    if isinstance(found, (tuple, list)):
        optimizers = found[0] if found and isinstance(found[0], (tuple, list)) else found
        return _one(optimizers[0]) if len(optimizers) == 1 else found
    return found
