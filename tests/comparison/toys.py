"""Small tasks for the tests of comparisons; in a module, because workers import what they run."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from initwise.comparison.tasks import Task, sgd


def build(seed: int) -> nn.Module:
    """A model with dropout, so that noise counts."""
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.ReLU(), nn.Linear(8, 3))


@dataclass(frozen=True)
class Epochs:
    """Batches in an order that the global random state decides, with augmentation from it."""

    inputs: Tensor
    target: Tensor

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for chosen in torch.randperm(len(self.inputs)).split(8):
            yield self.inputs[chosen] + 0.01 * torch.randn(len(chosen), 4), self.target[chosen]


def table() -> tuple[Tensor, Tensor]:
    """Points whose class is their largest of three coordinates."""
    generator = torch.Generator()
    generator.manual_seed(7)
    inputs = torch.randn(64, 4, generator=generator)
    return inputs, inputs[:, :3].argmax(1)


def data(seed: int) -> tuple[Any, Any]:
    """The points, and the same ones for validation."""
    inputs, target = table()
    return Epochs(inputs, target), [(inputs[:40], target[:40]), (inputs[40:], target[40:])]


def loss(model: nn.Module, batch: Any) -> Tensor:
    """Cross entropy."""
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def accuracy(model: nn.Module, batch: Any) -> float:
    """The share of right classes."""
    return float((model(batch[0]).argmax(1) == batch[1]).float().mean())


TOY = Task("toy", build, data, loss, sgd, metric=accuracy, steps=20, learning_rates=(0.01, 0.1))


@dataclass(frozen=True)
class Logged:
    """The loss, which also notes in a file for every cell that it was begun, and takes its time."""

    folder: Path
    seconds: float = 0.0

    def __call__(self, model: nn.Module, batch: Any) -> Tensor:
        time.sleep(self.seconds)
        return loss(model, batch)


@dataclass(frozen=True)
class LoggedBuild:
    """The factory, which notes who built a model and when."""

    folder: Path

    def __call__(self, seed: int) -> nn.Module:
        with (self.folder / f"{os.getpid()}").open("a") as file:
            file.write(f"{seed}\n")
        return build(seed)


def logged(folder: Path, seconds: float, **changes: Any) -> Task:
    """The toy task with a diary in a folder."""
    return replace(TOY, build=LoggedBuild(folder), loss=Logged(folder, seconds), **changes)
