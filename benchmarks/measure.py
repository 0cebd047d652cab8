"""Timing that is fair to both sides: contestants take turns, and the median of each counts."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

Contestants = Mapping[str, Callable[[], object]]  # who -> one piece of work, done again at each call


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of speeds: seconds by contestant, among them `torch` and `initwise`."""

    what: str
    seconds: Mapping[str, float]
    at_least: float | None = None  # the ratio to torch that this project holds itself to
    note: str = ""

    @property
    def ratio(self) -> float:
        """How many times faster than torch."""
        return self.seconds["torch"] / self.seconds["initwise"]


@dataclass(frozen=True, slots=True)
class Limit:
    """One line of the table of limits: something measured that should stay small."""

    what: str
    measured: float
    at_most: float | None  # what this project holds itself to
    unit: str
    detail: Mapping[str, float] = field(default_factory=dict)


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes; on a GPU, until it is done there."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def medians(contestants: Contestants, *, rounds: int = 5) -> dict[str, float]:
    """The median seconds of each: one round to warm up, then in turns, so that a busy moment meets all of them."""
    for work in contestants.values():
        work()
    taken: dict[str, list[float]] = {who: [] for who in contestants}
    for _ in range(rounds):
        for who, work in contestants.items():
            taken[who].append(seconds(work))
    return {who: statistics.median(times) for who, times in taken.items()}


def in_new_process(code: str, **environment: str) -> float:
    """Run `code` in a new process and return the number that it prints last."""
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout.split()[-1])
