"""The scorer: predicted second moments against measured ones, by the rules that were set before there was a prediction.

- the measured number is the geometric mean over 16 seeds; what spreads by more than 25 % from seed to seed is exempt
- a prediction that is missing, NaN or infinite fails
- within 10 % means max(predicted / measured, measured / predicted) <= 1.1 of the second moment E[x^2], not of its root
- exact zeros are predicted as exactly zero; what is zero but for rounding, as no more than rounding
- a loss is right within max(0.05 nats, 1 %)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.signals._measure import SEEDS, Measured, Quantity

EXEMPT = 0.25  # of the standard deviation of log(second moment) over seeds
ROUNDING = 100.0  # what is zero but for rounding may round differently by this factor
NATS, SHARE = 0.05, 0.01
LIMITS: Mapping[str, tuple[tuple[float, float], ...]] = {
    "forward": ((1.10, 0.90), (1.25, 0.98), (2.0, 0.99)),
    "backward": ((1.25, 0.90), (2.0, 0.99)),
    "weights": ((2.0, 0.95),),
}
"""By kind: the factor within which a prediction should lie, and for what share of them."""


@dataclass(frozen=True)
class Predicted:
    """What is predicted of one model, by the keys of `Measured`.

    Attributes:
        seconds, processor: how long it took, on the clock and of processor time.
        reason: why there is nothing, or what is unknown.
    """

    forward: Mapping[Any, float | None] = field(default_factory=dict)
    backward: Mapping[Any, float | None] = field(default_factory=dict)
    weights: Mapping[Any, float | None] = field(default_factory=dict)
    loss: float | None = None
    seconds: float = math.nan
    processor: float = math.nan
    reason: str = ""


@dataclass(frozen=True)
class Point:
    """One prediction beside its measurement.

    Attributes:
        error: the factor between them, at least 1; infinite where nothing finite is predicted.
    """

    kind: str
    key: Any
    measured: Quantity
    predicted: float | None

    @property
    def way(self) -> str:
        """How it is judged: "compared", "exempt", "zero", "rounding"."""
        if self.measured.value == 0:
            return "zero"
        if self.measured.rounding:
            return "rounding"
        return "compared" if self.measured.spread <= EXEMPT else "exempt"

    @property
    def error(self) -> float:
        if self.predicted is None or not 0 < self.predicted < math.inf:
            return math.inf
        ratio = self.predicted / self.measured.value
        return max(ratio, 1 / ratio)

    @property
    def is_zero(self) -> bool:
        """Whether what is zero, exactly or but for rounding, is predicted as such."""
        most = 0.0 if self.way == "zero" else ROUNDING * self.measured.value
        return self.predicted is not None and 0 <= self.predicted <= most


@dataclass(frozen=True)
class Tally:
    """How many predictions of one kind lie within a factor.

    Attributes:
        errors: of those that are compared.
        exempt: how many spread too much from seed to seed.
        zeros, right: how many are zero, exactly or but for rounding, and how many of these are predicted as such.
    """

    errors: tuple[float, ...] = ()
    exempt: int = 0
    zeros: int = 0
    right: int = 0

    def share(self, factor: float, *, root: bool = False) -> float:
        """Return the share within a factor, of the second moment or of its root; NaN where nothing is compared."""
        limit = factor**2 if root else factor
        return sum(each <= limit for each in self.errors) / len(self.errors) if self.errors else math.nan

    @property
    def missing(self) -> int:
        """How many predictions there are not."""
        return sum(math.isinf(each) for each in self.errors)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.errors + other.errors,
            self.exempt + other.exempt,
            self.zeros + other.zeros,
            self.right + other.right,
        )


@dataclass(frozen=True)
class Score:
    """What one model's prediction is worth."""

    name: str
    recipe: str
    points: tuple[Point, ...] = field(repr=False)
    measured_loss: Quantity | None
    predicted_loss: float | None
    seconds: float
    processor: float
    reason: str

    def tally(self, kind: str) -> Tally:
        """Return the numbers of "forward", "backward" or "weights"."""
        return tally(each for each in self.points if each.kind == kind)

    @property
    def loss_is_right(self) -> bool | None:
        """Whether the loss is; None where there is none, or it spreads too much."""
        loss = self.measured_loss
        if loss is None or loss.spread > EXEMPT:
            return None
        found = math.inf if self.predicted_loss is None else abs(self.predicted_loss - loss.value)
        return found <= max(NATS, SHARE * abs(loss.value))

    @property
    def loss_is_uncertain(self) -> bool:
        """Whether the standard error of the mean over seeds is larger than what a prediction may be off by."""
        loss = self.measured_loss
        if loss is None or loss.spread > EXEMPT:
            return False
        return loss.spread * loss.value / math.sqrt(SEEDS) > max(NATS, SHARE * loss.value)

    def worst(self, count: int = 10) -> list[Point]:
        """Return the predictions that are farthest off."""
        wrong = [each for each in self.points if each.way in {"zero", "rounding"} and not each.is_zero]
        compared = sorted((each for each in self.points if each.way == "compared"), key=lambda each: -each.error)
        return [*wrong, *compared][:count]


def score(measured: Measured, predicted: Predicted) -> Score:
    """Put each prediction beside its measurement."""
    points = tuple(_points(measured, predicted))
    return Score(
        measured.name,
        measured.recipe,
        points,
        measured.loss,
        predicted.loss,
        predicted.seconds,
        predicted.processor,
        predicted.reason,
    )


def _points(measured: Measured, predicted: Predicted) -> Iterator[Point]:
    for kind in LIMITS:
        found: Mapping[Any, float | None] = getattr(predicted, kind)
        for key, quantity in getattr(measured, kind).items():
            yield Point(kind, key, quantity, found.get(key))


def tally(points: Iterable[Point]) -> Tally:
    """Count."""
    held = list(points)
    zeros = [each for each in held if each.way in {"zero", "rounding"}]
    return Tally(
        tuple(each.error for each in held if each.way == "compared"),
        sum(each.way == "exempt" for each in held),
        len(zeros),
        sum(each.is_zero for each in zeros),
    )


def other_seed(measured: Measured) -> Predicted:
    """Return one more seed of reality as a prediction: what knows everything but the seed."""

    def of(kind: str) -> dict[Any, float | None]:
        return {key: each.other for key, each in getattr(measured, kind).items()}

    loss = None if measured.loss is None else measured.loss.other
    return Predicted(of("forward"), of("backward"), of("weights"), loss, 0.0, 0.0)
