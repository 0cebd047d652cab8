"""`Task`: what a comparison trains, as six functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from initwise._arguments import Arguments, show

RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
STEPS = 300


def adamw(parameters: Iterable[Any], learning_rate: float) -> torch.optim.Optimizer:
    """AdamW without weight decay, the optimizer of a task that names none."""
    return torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=0.0)


def sgd(parameters: Iterable[Any], learning_rate: float) -> torch.optim.Optimizer:
    """SGD with momentum 0.9, which does not rescale what an initialization got wrong."""
    return torch.optim.SGD(parameters, lr=learning_rate, momentum=0.9)


@dataclass(frozen=True)
class Task:
    """What a comparison trains.

    Every function is called anew for each cell, under a random state that depends on the seed alone, so that two
    strategies see the same data in the same order, the same augmentation and the same dropout noise. Worker processes
    get the task by pickle: functions stand in a module, not in another function. `initwise.comparison.tasks` makes
    tasks from datasets (`from_data`), from a Lightning module (`from_lightning`) and from a transformers `Trainer`
    (`from_trainer`).

    Attributes:
        name: a short name, for tables and storage.
        build: `build(seed)` returns a new model; what a strategy does not plan keeps what this function gave it.
        data: `data(seed)` returns `(training, validation)`, two iterables of batches. The training one is iterated
            again for every epoch; the order of its batches may depend on the seed and on nothing else. With None for
            validation the training loss at the end decides.
        loss: `loss(model, batch)` returns a scalar tensor.
        optimizer: `optimizer(parameters, learning_rate)` returns a torch optimizer; None for AdamW without weight
            decay; a function that has a true attribute `takes_model` gets the model in place of its parameters.
        metric: `metric(model, batch)` returns a number, or None for no metric.
        inputs: `inputs(batch)` returns what the model's forward takes, for `iw.plan(model, ..., inputs=...)`; None
            takes the batch without its last entry.
        steps: optimizer steps of one cell where `compare` is given no budget.
        learning_rates: the grid where `compare` is given none.
        strategies: strategies that belong to this task, by name, beside the recipes.

    Raises:
        ArgumentError: a function that cannot be called, no steps, or a learning rate that is not positive.
    """

    name: str
    build: Callable[[int], nn.Module]
    data: Callable[[int], tuple[Iterable[Any], Iterable[Any] | None]]
    loss: Callable[[nn.Module, Any], Tensor]
    optimizer: Callable[[Iterable[Any], float], torch.optim.Optimizer] | None = None
    metric: Callable[[nn.Module, Any], float] | None = None
    inputs: Callable[[Any], Any] | None = None
    steps: int = STEPS
    learning_rates: tuple[float, ...] = RATES
    strategies: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        arguments = Arguments("Task")
        name: Any = self.name
        if not isinstance(name, str) or not name:
            arguments.refuse(f"name is {show(name)}; give a short name", wrong_type=not isinstance(name, str))
        for field_name in ("build", "data", "loss"):
            if not callable(getattr(self, field_name)):
                found = show(getattr(self, field_name))
                arguments.refuse(f"{field_name} is {found}; give a function", wrong_type=True)
        for field_name in ("optimizer", "metric", "inputs"):
            value = getattr(self, field_name)
            if value is not None and not callable(value):
                arguments.refuse(f"{field_name} is {show(value)}; give a function or None", wrong_type=True)
        arguments.integer("steps", self.steps, least=1)
        object.__setattr__(self, "learning_rates", rates(arguments, "learning_rates", self.learning_rates))
        arguments.done()

    def training_and_validation(self, seed: int) -> Any:
        """Return what the function `data` gives for a seed."""
        return vars(self)["data"](seed)  # an attribute of this name is a tensor's storage everywhere else here

    def optimize(self, model: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
        """Return the optimizer of a model."""
        make = self.optimizer or adamw
        wanted: Any = model if getattr(make, "takes_model", False) else list(model.parameters())
        return make(wanted, learning_rate)

    def given(self, batch: Any) -> Any:
        """Return what the model's forward takes of a batch."""
        if self.inputs is not None:
            return self.inputs(batch)
        if isinstance(batch, (tuple, list)):
            return tuple(batch[:-1]) if len(batch) > 1 else tuple(batch)
        return batch


def rates(arguments: Arguments, name: str, values: Any) -> tuple[float, ...]:
    """Check a grid of learning rates; return it in rising order, each once."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        values = [values]
    checked = [arguments.number(f"{name}[{place}]", value) for place, value in enumerate(values)]
    if not checked:
        arguments.refuse(f"{name} is empty; give at least one learning rate")
    low = [value for value in checked if value <= 0]
    if low:
        arguments.refuse(f"{name} holds {low[0]:g}, and every learning rate must be positive")
    return tuple(sorted(set(checked)))
