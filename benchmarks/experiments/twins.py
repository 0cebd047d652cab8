"""One strategy twice: the same law, drawn from two parts of the stream. Whoever calls them different is wrong."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from initwise.comparison import Task, builtin, compare
from initwise.planning import Plan, plan

APART = 1000  # seeds of the stream that each seed of an experiment has for itself: one for each twin of each repetition
ROUNDS = 60
SETTINGS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("one learning rate", {"learning_rates": 0.1}),
    ("tuned over two", {"learning_rates": (0.03, 0.1)}),
    ("tuned over two, without a race, by t", {"learning_rates": (0.03, 0.1), "racing": False, "test": "t"}),
)


@dataclass(frozen=True)
class Twin:
    """The recipe, its weights drawn from a part of the stream that no other twin uses."""

    recipe: str
    number: int

    def __call__(self, model: nn.Module, batches: Any, seed: int) -> Plan:
        return plan(model, self.recipe, seed=seed * APART + self.number)


@dataclass(frozen=True)
class Elsewhere:
    """The data of a task in orders that no other repetition sees."""

    task: Task
    number: int

    def __call__(self, seed: int) -> tuple[Iterable[Any], Iterable[Any] | None]:
        found: tuple[Iterable[Any], Iterable[Any] | None] = self.task.training_and_validation(
            seed * APART + self.number
        )
        return found


@dataclass(frozen=True)
class Told:
    """What so many independent experiments said of twins.

    Attributes:
        setting: how they were tuned and judged.
        verdicts: how often each verdict came out.
        apart: in how many the two chose different learning rates.
        different_apart: how many of those called them different.
        seconds: for all of them.
    """

    setting: str
    verdicts: Counter[str]
    apart: int
    different_apart: int
    seconds: float

    @property
    def different(self) -> int:
        """How many called them different, which is wrong."""
        return self.verdicts["better"] + self.verdicts["worse"]


def told(setting: str, options: dict[str, Any], rounds: int, first: int) -> Told:
    """Run independent experiments on twins: other weights and other orders of the data in each."""
    began = time.perf_counter()
    found = [_verdict(number, options) for number in range(first, first + rounds)]
    apart = [verdict for verdict, together in found if not together]
    different = sum(verdict in {"better", "worse"} for verdict in apart)
    verdicts = Counter(verdict for verdict, _ in found)
    return Told(setting, verdicts, len(apart), different, time.perf_counter() - began)


def _verdict(number: int, options: dict[str, Any]) -> tuple[str, bool]:
    """Return the verdict, and whether both ran at one learning rate."""
    task = builtin("digits-mlp")
    own = replace(task, name=f"twins-{number}", data=Elsewhere(task, number))
    pair = {"one": Twin("kaiming", 2 * number), "other": Twin("kaiming", 2 * number + 1)}
    with tempfile.TemporaryDirectory() as folder:
        settings: dict[str, Any] = {"seeds": 8, "budget": 40, "progress": False, **options}
        done = compare(own, pair, storage=Path(folder) / "twins.journal", **settings)
    verdict = done.verdicts.of("other")
    return "none" if verdict is None else verdict.verdict, len(set(done.rates.values())) == 1
