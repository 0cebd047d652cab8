"""A task from a model factory and two datasets or loaders."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from initwise._arguments import show
from initwise.comparison.tasks._task import Task
from initwise.errors import ArgumentTypeError


def from_data(
    build: Callable[[], nn.Module],
    training: Any,
    validation: Any,
    *,
    name: str = "task",
    loss: Callable[[Any, Any], Tensor] | None = None,
    batch_size: int = 64,
    **options: Any,
) -> Task:
    """Make a task from a model factory and two datasets or loaders of (inputs, target) pairs.

    Args:
        build: returns a new model; called without arguments.
        training: a `Dataset` with a length, which is shuffled by the data seed, or a loader. A loader is iterated under
            a random state that depends on the data seed; one with its own `generator` has it seeded.
        validation: the same; never shuffled.
        name: the task's name.
        loss: `loss(output, target)`; by default cross entropy for whole-number targets and mean squared error for
            others.
        batch_size: of batches from datasets.
        options: further fields of `Task`: optimizer, metric (of model and batch), inputs, steps, learning_rates.

    Raises:
        ArgumentTypeError: `build` cannot be called; what is given is neither a dataset nor a loader.

    >>> from torch.utils.data import TensorDataset
    >>> data = TensorDataset(torch.randn(32, 4), torch.randint(3, (32,)))
    >>> from_data(lambda: nn.Linear(4, 3), data, data, name="toy", steps=20).steps
    20
    """
    if not callable(build):
        raise ArgumentTypeError(
            f"from_data: build is {show(build)} of type {type(build).__name__}; give a function that returns a new"
            " model"
        )
    for which, given in (("training", training), ("validation", validation)):
        if not _is_dataset(given) and not isinstance(given, Iterable):
            raise ArgumentTypeError(
                f"from_data: {which} is {show(given)} of type {type(given).__name__}; give a Dataset with a length, or"
                " a loader that yields (inputs, target)"
            )
    return Task(
        name,
        _Build(build),
        Loaders(training, validation, batch_size),
        PairLoss(loss),
        **options,
    )


def _is_dataset(given: Any) -> bool:
    if isinstance(given, (list, tuple, DataLoader)):
        return False
    return hasattr(given, "__getitem__") and hasattr(given, "__len__")


@dataclass(frozen=True)
class _Build:
    """A factory without arguments, as a task calls it."""

    factory: Callable[[], nn.Module]

    def __call__(self, seed: int) -> nn.Module:
        return self.factory()


@dataclass(frozen=True)
class Loaders:
    """Training batches shuffled by the data seed, and validation batches in order."""

    training: Any
    validation: Any
    batch_size: int

    def __call__(self, seed: int) -> tuple[Iterable[Any], Iterable[Any]]:
        return self._loader(self.training, seed, shuffle=True), self._loader(self.validation, seed, shuffle=False)

    def _loader(self, given: Any, seed: int, *, shuffle: bool) -> Iterable[Any]:
        if isinstance(given, DataLoader):
            for owner in (given, given.sampler):
                generator = getattr(owner, "generator", None)
                if generator is not None:
                    generator.manual_seed(seed)
            return given
        if not _is_dataset(given):
            return iter_again(given)
        return loader(given, seed, self.batch_size, shuffle=shuffle)


def loader(dataset: Any, seed: int, batch_size: int, *, shuffle: bool, collate: Any = None) -> DataLoader[Any]:
    """Return a loader over a dataset whose order depends on the seed alone."""
    found: Dataset[Any] = dataset
    generator = torch.Generator()
    generator.manual_seed(seed)
    short = shuffle and len(dataset) >= batch_size  # a last, short batch would weigh more than the others
    return DataLoader(
        found, batch_size=batch_size, shuffle=shuffle, drop_last=short, generator=generator, collate_fn=collate
    )


def iter_again(given: Iterable[Any]) -> Iterable[Any]:
    """Return an iterable that can be iterated for every epoch; an iterator is kept as a list."""
    return list(given) if iter(given) is given else given


@dataclass(frozen=True)
class PairLoss:
    """The loss of a model on an (inputs, target) batch."""

    loss: Callable[[Any, Any], Tensor] | None = None

    def __call__(self, model: nn.Module, batch: Any) -> Tensor:
        *inputs, target = batch
        output = model(*inputs)
        if self.loss is not None:
            return self.loss(output, target)
        if torch.is_tensor(target) and not target.is_floating_point():
            return nn.functional.cross_entropy(output.flatten(0, -2), target.flatten())
        return nn.functional.mse_loss(output, target)
