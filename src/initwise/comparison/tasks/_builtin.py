"""The built-in tasks, on data that scikit-learn and Python themselves carry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn

from initwise._arguments import nearest
from initwise.comparison._optional import needed
from initwise.comparison.tasks._data import PairLoss
from initwise.comparison.tasks._models import CharacterModel, cnn, gated, mlp
from initwise.comparison.tasks._task import Task, adamw, sgd
from initwise.comparison.tasks._text import CHARACTERS, characters
from initwise.errors import ArgumentError
from initwise.initializers import Normal, Ones, Zeros
from initwise.rules import rule

CONTEXT = 48


def builtin(name: str) -> Task:
    """Return a built-in task.

    Args:
        name: digits-mlp, digits-cnn, digits-30 (30 plain ReLU layers), digits-128 (128 layers behind gates), characters
            (a small language model on the text of Python's standard library) or regression (a deep MLP on tabular
            data).

    Raises:
        ArgumentError: there is no task of this name; the error names all.
        NotSupportedError: scikit-learn is not installed.
    """
    if name not in BUILTIN:
        raise ArgumentError(
            f"builtin: there is no task {name!r}; there are {', '.join(BUILTIN)}{nearest(name, BUILTIN)}"
        )
    return BUILTIN[name]()


# ------------------------------------------------------------------------------------------------------------- digits


def _digits(name: str, build: Callable[[], nn.Module], *, images: bool = False, **options: Any) -> Task:
    needed("scikit-learn", "sklearn", "compare", f"task {name}")
    return Task(
        name,
        _Build(build),
        _Shuffled("digits", images=images),
        PairLoss(),
        metric=accuracy,
        **{"strategies": NAMED, **options},
    )


def _digits_mlp() -> Task:
    return _digits(
        "digits-mlp", partial(mlp, 64, 10, width=64, depth=4), steps=200, optimizer=sgd, learning_rates=SGD_RATES
    )


def _digits_cnn() -> Task:
    return _digits("digits-cnn", partial(cnn, 10), images=True, steps=150, optimizer=sgd, learning_rates=SGD_RATES)


def _digits_30() -> Task:
    return _digits(
        "digits-30", partial(mlp, 64, 10, width=64, depth=30), steps=300, optimizer=sgd, learning_rates=DEEP_RATES
    )


def _digits_128() -> Task:
    return _digits(
        "digits-128",
        partial(gated, 64, 10, width=64, depth=128),
        steps=150,
        optimizer=sgd,
        learning_rates=DEEP_RATES,
        strategies=GATED,
    )


def accuracy(model: nn.Module, batch: Any) -> float:
    """Return the share of right classes."""
    inputs, target = batch
    right: Tensor = (model(inputs).argmax(-1) == target).float().mean()
    return right.item()


# ------------------------------------------------------------------------------------------------------ other data


def _characters() -> Task:
    return Task(
        "characters",
        _Build(partial(CharacterModel, CHARACTERS, context=CONTEXT)),
        _Windows(),
        PairLoss(),
        optimizer=adamw,
        steps=200,
        learning_rates=(1e-3, 3e-3, 1e-2, 3e-2),
        strategies=NAMED,
    )


def _regression() -> Task:
    needed("scikit-learn", "sklearn", "compare", "task regression")
    return Task(
        "regression",
        _Build(partial(mlp, 10, 1, width=64, depth=12)),
        _Shuffled("diabetes"),
        PairLoss(),
        optimizer=adamw,
        steps=100,
        learning_rates=(3e-5, 1e-4, 3e-4, 1e-3),
        strategies=NAMED,
    )


# -------------------------------------------------------------------------------------------------------------- parts


@dataclass(frozen=True)
class _Build:
    factory: Callable[[], nn.Module]

    def __call__(self, seed: int) -> nn.Module:
        return self.factory()


@dataclass(frozen=True)
class _Shuffled:
    """A table of scikit-learn: training batches in an order of the seed, one fixed set apart for validation."""

    table: str
    images: bool = False
    batch_size: int = 64

    def __call__(self, seed: int) -> tuple[Iterable[Any], Iterable[Any]]:
        inputs, target = TABLES[self.table]()
        if self.images:
            inputs = inputs.reshape(-1, 1, 8, 8)
        apart = len(inputs) // 5
        held = inputs[:apart], target[:apart]
        return _Epochs(inputs[apart:], target[apart:], seed, self.batch_size), [held]


@dataclass(frozen=True)
class _Epochs:
    """Batches of whole rows; every iteration begins the same order anew, and each epoch in it has another."""

    inputs: Tensor
    target: Tensor
    seed: int
    batch_size: int

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator()
        generator.manual_seed(self.seed)
        while True:
            order = torch.randperm(len(self.inputs), generator=generator)
            for start in range(0, len(order) - self.batch_size + 1, self.batch_size):
                chosen = order[start : start + self.batch_size]
                yield self.inputs[chosen], self.target[chosen]


@dataclass(frozen=True)
class _Windows:
    """Windows of the text: training ones drawn by the seed from its first nine tenths, validation ones fixed."""

    batch_size: int = 16

    def __call__(self, seed: int) -> tuple[Iterable[Any], Iterable[Any]]:
        text = characters()
        apart = len(text) * 9 // 10
        held = text[apart:]
        starts = torch.arange(0, len(held) - CONTEXT - 1, (len(held) - CONTEXT - 1) // 64)
        return _Drawn(text[:apart], seed, self.batch_size), [_window(held, starts)]


@dataclass(frozen=True)
class _Drawn:
    text: Tensor
    seed: int
    batch_size: int

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator()
        generator.manual_seed(self.seed)
        while True:
            yield _window(
                self.text, torch.randint(len(self.text) - CONTEXT - 1, (self.batch_size,), generator=generator)
            )


def _window(text: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
    places = starts[:, None] + torch.arange(CONTEXT + 1)
    windows = text[places]
    return windows[:, :-1], windows[:, 1:]


@cache
def _digits_table() -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_digits

    inputs, target = load_digits(return_X_y=True)
    order = torch.randperm(len(inputs), generator=_fixed())
    scaled = torch.as_tensor(inputs, dtype=torch.float32) / 8.0 - 1.0
    return scaled[order], torch.as_tensor(target)[order]


@cache
def _diabetes_table() -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_diabetes

    inputs, target = load_diabetes(return_X_y=True)
    order = torch.randperm(len(inputs), generator=_fixed())
    x, y = torch.as_tensor(inputs, dtype=torch.float32), torch.as_tensor(target, dtype=torch.float32)
    return ((x - x.mean(0)) / x.std(0))[order], ((y - y.mean()) / y.std())[order, None]


def _fixed() -> torch.Generator:
    generator = torch.Generator()
    generator.manual_seed(0)
    return generator


TABLES: dict[str, Callable[[], tuple[Tensor, Tensor]]] = {"digits": _digits_table, "diabetes": _diabetes_table}
SGD_RATES = (3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
DEEP_RATES = (3e-4, 1e-3, 3e-3, 1e-2)
NAMED: dict[str, Any] = {
    "normal-1": [rule("*.weight", Normal(std=1.0)), rule("*.bias", Zeros(), optional=True), "auto"],
    "he": "kaiming",
}
GATED: dict[str, Any] = {
    "rezero": [rule("*.gate", Zeros()), "kaiming"],
    "he": [rule("*.gate", Ones()), "kaiming"],
    "normal-1": [rule("*.weight", Normal(std=1.0)), rule("*.bias", Zeros()), rule("*.gate", Ones())],
}
BUILTIN: dict[str, Callable[[], Task]] = {
    "digits-mlp": _digits_mlp,
    "digits-cnn": _digits_cnn,
    "digits-30": _digits_30,
    "digits-128": _digits_128,
    "characters": _characters,
    "regression": _regression,
}
