"""`Experiment`: a task, its strategies, and the numbers that fix what is run and how it is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from initwise._arguments import Arguments, nearest
from initwise.comparison._cells import Cell, Outcome, finite
from initwise.comparison._design import FALLS, Design, Outcomes
from initwise.comparison._strategies import Strategy
from initwise.comparison._training import run_cell
from initwise.comparison.statistics import Losses, Power, Race, Test, Verdicts, comparisons, power, verdicts
from initwise.comparison.tasks import Task
from initwise.errors import ArgumentError

FIRST, HELD = "first losses", "first validation"
UNTRAINED = "not in the optimizer"
LOOSE = 0.02  # by which part losses at the start may differ between machines
BEST = "best"  # as reference: whoever turns out best


@dataclass(frozen=True)
class Experiment:
    """What is run and how it is judged.

    Attributes:
        task: what is trained.
        strategies: the contenders, and the reference among them.
        design: how many cells of which kind.
        reference: the strategy that all others are held against; None for whoever turns out best.
        alpha: the error rate of all verdicts together.
        margin: the difference of mean log losses that does not matter; None for the statistics' default.
        test: "exact" or "t".
    """

    task: Task
    strategies: tuple[Strategy, ...]
    design: Design
    reference: str | None
    alpha: float
    margin: float | None
    test: Test

    def strategy(self, name: str) -> Strategy:
        """Return a strategy by its name."""
        return next(each for each in self.strategies if each.name == name)

    def run(self, cell: Cell) -> Outcome:
        """Run a cell."""
        return run_cell(self.task, self.strategy(cell.strategy), cell, self.design.steps)

    @property
    def race(self) -> Race | None:
        """The rule that stops losers; None without racing."""
        if not self.design.racing:
            return None
        return Race(seeds=self.design.seeds, reference=self.reference, alpha=self.alpha)

    @property
    def power(self) -> Power:
        """What the experiment can find, for a difference as large as the noise of one seed."""
        race = self.race
        family = comparisons(len(self.strategies), reference=self.reference is not None)
        alpha = race.left if race else self.alpha
        return power(self.design.seeds, family, 1.0, 1.0, alpha=alpha, test=self.test)

    def losses(self, outcomes: Outcomes) -> Losses | None:
        """Return the losses that decide; None as long as some strategy has none."""
        table = self.design.table(outcomes)
        if len(table) < len(self.strategies) or not all(table.values()):
            return None
        return Losses.of(table)

    def stopped(self, outcomes: Outcomes) -> dict[str, int]:
        """Return after how many seeds each strategy that lost the race is stopped."""
        race, losses = self.race, self.losses(outcomes)
        if race is None or losses is None:
            return {}
        return {each.strategy: each.seeds for each in race.lost(losses)}

    def wanted(self, outcomes: Outcomes) -> list[Cell]:
        """Return the cells that are known to be needed, in the order of running.

        Raises:
            ArgumentError: the first round is complete and no strategy learned anything.
        """
        if not self.design.learns(outcomes):
            raise ArgumentError(self._nothing_learned(outcomes))
        return [*self.design.tuning, *self.design.deciding(outcomes, self.stopped(outcomes))]

    def verdicts(self, losses: Losses) -> Verdicts:
        """Judge a table of losses."""
        return verdicts(
            losses, reference=self.reference, margin=self.margin, alpha=self.alpha, test=self.test, race=self.race
        )

    def _nothing_learned(self, outcomes: Outcomes) -> str:
        rates = self.design.rates
        grid = f"learning rate {rates[0]:g}" if len(rates) == 1 else f"learning rates {rates[0]:g} to {rates[-1]:g}"
        diverged = sum(each.diverged for each in outcomes.values())
        return (
            f"compare: task {self.task.name!r}: the training loss falls for no strategy: after {self.design.steps}"
            f" steps at {grid} it is nowhere {FALLS:.0%} below its start ({diverged} of {len(outcomes)} runs"
            " diverged); check that the loss depends on the model and that its optimizer steps, give other learning"
            " rates, or a larger budget"
        )


def facts(
    experiment: Experiment,
    digests: Mapping[str, str],
    first: Mapping[str, Sequence[float]],
    held: Mapping[str, Sequence[float | None]],
    untrained: Sequence[str],
) -> dict[str, Any]:
    """Return what makes an experiment this one, as JSON values: two with other facts share no storage.

    Args:
        experiment: the experiment.
        digests: of each strategy's plan for seed 0, where it depends on no data.
        first: the first losses of each strategy, for seed 0; compared loosely, since machines round.
        held: the validation loss and the metric of each before its first step; compared as loosely.
        untrained: parameters that want a gradient, and that the optimizer does not hold.
    """
    design = experiment.design
    return {
        "task": experiment.task.name,
        "strategies": {each.name: digests.get(each.name, _words(each)) for each in experiment.strategies},
        "reference": experiment.reference,
        "seeds": design.seeds,
        "tuning seeds": design.tuning_seeds,
        "learning rates": list(design.rates),
        "steps": design.steps,
        "racing": design.racing,
        "alpha": experiment.alpha,
        "test": experiment.test,
        UNTRAINED: list(untrained),
        FIRST: {name: list(map(finite, losses)) for name, losses in first.items()},
        HELD: {name: list(both) for name, both in held.items()},
    }


def _words(strategy: Strategy) -> str:
    made = strategy.made
    base = made if isinstance(made, str) else getattr(made, "__qualname__", type(made).__name__)
    return "+".join([str(base), *strategy.steps])


def differences(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """Return in what two experiments differ, a sentence each."""
    found = []
    for name in [*here, *(name for name in there if name not in here)]:
        a, b = here.get(name), there.get(name)
        same = _close(a, b) if name in {FIRST, HELD} else a == b
        if not same:
            found.append(f"{name}: {_short(b)} there, {_short(a)} here")
    return found


def _close(a: Any, b: Any) -> bool:
    if not (isinstance(a, Mapping) and isinstance(b, Mapping) and a.keys() == b.keys()):
        return False
    if any(len(a[name]) != len(b[name]) for name in a):
        return False
    pairs = [pair for name in a for pair in zip(a[name], b[name], strict=True)]
    return all(
        x == y or (x is not None and y is not None and abs(x - y) <= LOOSE * max(abs(x), abs(y))) for x, y in pairs
    )


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_short(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return ", ".join(map(_short, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def reference_of(arguments: Arguments, given: str | None, names: list[str]) -> str | None:
    """Return the reference: the first strategy where none is named, None where the best is wanted."""
    if given is None:
        return names[0] if names else None
    if given == BEST and BEST not in names:
        return None
    if given not in names:
        allowed = ", ".join(map(repr, [*names, BEST]))
        arguments.refuse(f"reference is {given!r}, and must be one of {allowed}{nearest(given, names)}")
    return given
