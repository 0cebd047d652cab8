"""Which cells an experiment has: a pure function of what is known so far, so that every worker says the same."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from initwise.comparison._cells import TUNING, Cell, Outcome

Outcomes = Mapping[Cell, Outcome]
FALLS = 0.01  # of the loss at the start: what training must take off it somewhere


@dataclass(frozen=True)
class Design:
    """The plain numbers of an experiment.

    Attributes:
        strategies: their names, the reference first.
        rates: the grid of learning rates, rising.
        seeds: how many seeds decide, from 0 on.
        tuning_seeds: how many other seeds choose each strategy's learning rate.
        racing: stop strategies that have lost, by the sequential rule of the statistics.
        steps: optimizer steps of every cell.
    """

    strategies: tuple[str, ...]
    rates: tuple[float, ...]
    seeds: int
    tuning_seeds: int
    racing: bool
    steps: int

    @property
    def tuning(self) -> list[Cell]:
        """The cells that choose learning rates; none where there is one rate."""
        if len(self.rates) == 1:
            return []
        seeds = range(TUNING, TUNING + self.tuning_seeds)
        return [Cell(name, rate, seed) for seed in seeds for rate in self.rates for name in self.strategies]

    @property
    def most(self) -> int:
        """How many cells there are if no strategy is stopped."""
        return len(self.tuning) + len(self.strategies) * self.seeds

    def chosen(self, outcomes: Outcomes) -> dict[str, float]:
        """Return the learning rate of every strategy whose tuning is done.

        The rate with the fewest divergences wins, then the one with the lowest median loss, then the lower one.
        """
        if len(self.rates) == 1:
            return dict.fromkeys(self.strategies, self.rates[0])
        found = {}
        for name in self.strategies:
            cells = [cell for cell in self.tuning if cell.strategy == name]
            if all(cell in outcomes for cell in cells):
                found[name] = min((self._rank(name, rate, outcomes), rate) for rate in self.rates)[1]
        return found

    def _rank(self, name: str, rate: float, outcomes: Outcomes) -> tuple[int, float]:
        seeds = range(TUNING, TUNING + self.tuning_seeds)
        losses = [outcomes[Cell(name, rate, seed)].loss for seed in seeds]
        survived = [loss for loss in losses if loss is not None]
        return len(losses) - len(survived), statistics.median(survived) if survived else 0.0

    def deciding(self, outcomes: Outcomes, stopped: Mapping[str, int]) -> list[Cell]:
        """Return the cells of the verdict that are known, seed by seed; a stopped strategy keeps its first seeds."""
        chosen = self.chosen(outcomes)
        return [
            Cell(name, chosen[name], seed)
            for seed in range(self.seeds)
            for name in self.strategies
            if name in chosen and seed < stopped.get(name, self.seeds)
        ]

    def table(self, outcomes: Outcomes) -> dict[str, list[float | None]]:
        """Return the losses that decide, by strategy, over the leading seeds that are done; None is a divergence."""
        chosen = self.chosen(outcomes)
        return {name: _leading(name, chosen[name], self.seeds, outcomes) for name in self.strategies if name in chosen}

    def lacking(self, cells: Sequence[Cell], outcomes: Outcomes) -> list[Cell]:
        """Return the cells without an outcome."""
        return [cell for cell in cells if cell not in outcomes]

    def learns(self, outcomes: Outcomes) -> bool:
        """Tell whether the training loss fell in any run; true as long as a first round is not complete."""
        first = self.tuning or [Cell(name, self.rates[0], 0) for name in self.strategies]
        if self.lacking(first, outcomes):
            return True
        return any(_fell(each) for each in outcomes.values())


def _fell(outcome: Outcome) -> bool:
    """Tell whether training took something off the loss of the first batch; other batches have other losses."""
    end = outcome.training if outcome.again is None else outcome.again
    if outcome.start is None or end is None:
        return False
    return outcome.start - end > FALLS * abs(outcome.start)


def _leading(name: str, rate: float, seeds: int, outcomes: Outcomes) -> list[float | None]:
    found: list[float | None] = []
    for seed in range(seeds):
        cell = Cell(name, rate, seed)
        if cell not in outcomes:
            break
        found.append(outcomes[cell].loss)
    return found
