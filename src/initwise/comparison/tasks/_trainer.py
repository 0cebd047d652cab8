"""A task from a transformers `Trainer`: its model, data, collator, loss and optimizer, without its loop."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from initwise.comparison.tasks._data import loader
from initwise.comparison.tasks._task import Task
from initwise.errors import ArgumentTypeError


def from_trainer(trainer: Any, *, name: str = "", **options: Any) -> Task:
    """Make a task from a transformers `Trainer` that was made and not run.

    The cells are plain loops: the Trainer's model (copied for every cell), datasets, collator, `compute_loss` and
    optimizer settings are used; its callbacks, schedule, mixed precision and gradient accumulation play no part.

    Args:
        trainer: with `model`, `train_dataset` and `eval_dataset`; the datasets have a length.
        name: the task's name; by default the class of the model.
        options: further fields of `Task`: metric, inputs, steps, learning_rates, optimizer.

    Raises:
        ArgumentTypeError: the trainer has no model or lacks a dataset.
    """
    wanted = ("model", "train_dataset", "eval_dataset")
    lacking = [each for each in wanted if getattr(trainer, each, None) is None]
    if lacking:
        raise ArgumentTypeError(
            f"from_trainer: {type(trainer).__name__} has no {', no '.join(lacking)}; give a transformers Trainer made"
            " with model=, train_dataset= and eval_dataset="
        )
    return Task(
        name or type(trainer.model).__name__,
        _Copy(trainer),
        _Loaders(trainer),
        _Loss(trainer),
        **{"optimizer": _Optimizer(trainer), "inputs": _Inputs(trainer), **options},
    )


@dataclass(frozen=True)
class _Copy:
    trainer: Any

    def __call__(self, seed: int) -> nn.Module:
        model: nn.Module = copy.deepcopy(self.trainer.model)
        return model


@dataclass(frozen=True)
class _Loaders:
    """Both datasets as the Trainer would batch them, in an order of the data seed."""

    trainer: Any

    def __call__(self, seed: int) -> tuple[Iterable[Any], Iterable[Any]]:
        theirs = self.trainer.get_train_dataloader(), self.trainer.get_eval_dataloader()
        training, validation = (
            loader(each.dataset, seed, size, shuffle=shuffle, collate=each.collate_fn)
            for each, size, shuffle in (
                (theirs[0], self.trainer.args.train_batch_size, True),
                (theirs[1], self.trainer.args.eval_batch_size, False),
            )
        )
        return training, validation


@dataclass(frozen=True)
class _Loss:
    trainer: Any

    def __call__(self, model: nn.Module, batch: Any) -> Tensor:
        found: Tensor = self.trainer.compute_loss(model, dict(batch))
        return found


@dataclass(frozen=True)
class _Inputs:
    trainer: Any

    def __call__(self, batch: Any) -> Any:
        labels = set(getattr(self.trainer, "label_names", ()) or ()) | {"labels"}
        return {name: value for name, value in dict(batch).items() if name not in labels}


@dataclass(frozen=True)
class _Optimizer:
    """The optimizer that the Trainer's arguments name, with its groups for weight decay."""

    trainer: Any
    takes_model = True

    def __call__(self, model: Any, learning_rate: float) -> torch.optim.Optimizer:
        kind, settings = self.trainer.get_optimizer_cls_and_kwargs(self.trainer.args, model)
        decayed = set(self.trainer.get_decay_parameter_names(model))
        trained = [(name, each) for name, each in model.named_parameters() if each.requires_grad]
        groups = [
            {
                "params": [each for name, each in trained if name in decayed],
                "weight_decay": self.trainer.args.weight_decay,
            },
            {"params": [each for name, each in trained if name not in decayed], "weight_decay": 0.0},
        ]
        found: torch.optim.Optimizer = kind(
            [group for group in groups if group["params"]], **{**settings, "lr": learning_rate}
        )
        return found
