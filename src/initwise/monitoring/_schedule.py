"""Schedules: which steps are looked at."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from initwise._arguments import Arguments, show

Schedule = Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class Logarithmic:
    """Every one of the first `dense` steps, then `per_decade` steps while the step number grows tenfold.

    What initialization does shows in the first steps; later, things change over times as long as the past. Of 1,000
    steps the default looks at 34, of 100,000 at 58.

    Raises:
        ArgumentError: a number is not whole, `dense` is negative, or `per_decade` is less than one.

    >>> [step for step in range(101) if Logarithmic(dense=3, per_decade=2)(step)]
    [0, 1, 2, 4, 10, 32, 100]
    """

    dense: int = 10
    per_decade: int = 12

    def __post_init__(self) -> None:
        check = Arguments("Logarithmic")
        check.integer("dense", self.dense, least=0)
        check.integer("per_decade", self.per_decade, least=1)
        check.done()

    def __call__(self, step: int) -> bool:
        """Tell whether a step is looked at; the first one has the number 0."""
        if step < max(self.dense, 2):
            return step < self.dense or step == 0
        return self._place(step) > self._place(step - 1)

    def _place(self, step: int) -> int:
        return math.floor(self.per_decade * math.log10(step) + 1e-9)  # powers of ten are exact


@dataclass(frozen=True, slots=True)
class Every:
    """Every `interval`-th step, from step 0 on.

    Raises:
        ArgumentError: `interval` is no positive whole number.

    >>> [step for step in range(10) if Every(4)(step)]
    [0, 4, 8]
    """

    interval: int

    def __post_init__(self) -> None:
        check = Arguments("Every")
        check.integer("interval", self.interval, least=1)
        check.done()

    def __call__(self, step: int) -> bool:
        """Tell whether a step is looked at."""
        return step % self.interval == 0


def as_schedule(value: Any, check: Arguments) -> Schedule:
    """Return a schedule: the default for None, every n-th step for a number, a function of the step as it is."""
    if value is None:
        return Logarithmic()
    if isinstance(value, int) and not isinstance(value, bool):
        return Every(max(check.integer("schedule", value, least=1), 1))
    if not callable(value):
        check.refuse(
            f"schedule is {show(value)} of type {type(value).__name__}; give None (dense at first, then logarithmic),"
            " a number n for every n-th step, or a function from the step's number to True or False",
            wrong_type=True,
        )
        return Logarithmic()
    schedule: Schedule = value
    return schedule
