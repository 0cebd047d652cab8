"""A cell, the unit of work, and its outcome."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

TUNING = 1_000_000  # the first seed for tuning; those of the verdict count from 0


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One training run: a strategy, a learning rate and a seed. Seeds from `TUNING` on tune, those below it decide."""

    strategy: str
    rate: float
    seed: int

    @property
    def tunes(self) -> bool:
        """Whether this run serves to choose a learning rate."""
        return self.seed >= TUNING

    def __str__(self) -> str:
        seed = f"tuning seed {self.seed - TUNING}" if self.tunes else f"seed {self.seed}"
        return f"{self.strategy} at learning rate {self.rate:g}, {seed}"


Curve = tuple[tuple[int, float | None], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a cell; numbers that are not finite are None.

    Attributes:
        cell: which.
        start: the training loss before the first step.
        training: the training loss at the end, averaged over the last tenth of the steps.
        validation: the validation loss at the end.
        metric: the task's metric on the validation batches, at the end.
        diverged: a loss was not finite, or the training loss at the end was over twice the one at the start.
        steps: optimizer steps that were taken; fewer than asked for where a loss was not finite.
        curve: training losses, averaged over the steps up to each.
        validation_curve: validation losses along the way.
        signals: what the first step showed, before it: see `first_signals`.
        seconds: how long it took.
        again: the loss of the first batch after the last step, under the noise of the first; None if diverged.
    """

    cell: Cell
    start: float | None
    training: float | None
    validation: float | None
    metric: float | None
    diverged: bool
    steps: int
    curve: Curve = ()
    validation_curve: Curve = ()
    signals: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    again: float | None = None

    @property
    def loss(self) -> float | None:
        """The loss that decides: on validation batches, or on training ones where there are none; None if diverged."""
        if self.diverged:
            return None
        return self.validation if self.validation is not None else self.training

    def to_dict(self) -> dict[str, Any]:
        """The outcome as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Outcome:
        """Return the outcome that `to_dict` described."""
        curves = {name: tuple(map(tuple, data[name])) for name in ("curve", "validation_curve")}
        return cls(**{**data, "cell": Cell(**data["cell"]), **curves})


def finite(value: float) -> float | None:
    """Return a number if it is finite, else None."""
    return value if math.isfinite(value) else None
