"""Learning curves over the seeds of a strategy: the geometric mean at each step, with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from initwise.comparison._cells import Outcome
from initwise.comparison.statistics import t_interval


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """The training loss of a strategy over its seeds.

    Attributes:
        strategy: its name.
        steps: the steps of the points.
        mean: the geometric mean over the runs that are still finite (the plain mean where a loss is not positive).
        low, high: Student's 95 % interval of that mean; None for fewer than two runs.
        runs: how many runs are still finite.
    """

    strategy: str
    steps: tuple[int, ...]
    mean: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    runs: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """The curve as JSON values."""
        return asdict(self)


def learning_curve(strategy: str, outcomes: Sequence[Outcome]) -> LearningCurve:
    """Return the curve of a strategy over the outcomes of its seeds."""
    longest = max((outcome.curve for outcome in outcomes), key=len)
    steps = tuple(step for step, _ in longest)
    by_step = [dict(outcome.curve) for outcome in outcomes]
    points = [_point([each[step] for each in by_step if each.get(step) is not None]) for step in steps]
    mean, low, high, runs = zip(*points, strict=True)
    return LearningCurve(strategy, steps, mean, low, high, runs)


def _point(losses: Sequence[float | None]) -> tuple[float | None, float | None, float | None, int]:
    values = [loss for loss in losses if loss is not None]
    if not values:
        return None, None, None, 0
    logarithmic = min(values) > 0
    scores = [math.log(value) for value in values] if logarithmic else values
    back = math.exp if logarithmic else float
    interval = t_interval(scores, 0.05)
    low, high = interval if interval is not None else (None, None)
    return (
        back(math.fsum(scores) / len(scores)),
        None if low is None else back(low),
        None if high is None else back(min(high, 700.0)),
        len(values),
    )
