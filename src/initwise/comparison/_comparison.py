"""`Comparison`: what an experiment showed, as a value that prints itself."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from torch import nn

from initwise.comparison._cells import Cell, Outcome
from initwise.comparison._curves import LearningCurve, learning_curve
from initwise.comparison._experiment import UNTRAINED, Experiment
from initwise.comparison._random import random_states_kept, reseed
from initwise.comparison._training import CALIBRATING
from initwise.comparison.statistics import Power, Verdicts
from initwise.findings import Column, Table
from initwise.planning import Plan
from initwise.reporting import fragment, paragraph, plain, table_html, text
from initwise.writing import apply

HEADS = ("learning rate", "runs", "at the start", "training", "validation", "metric", "gradient ratio", "seconds")
SIGNALS = "medians over seeds; gradient ratio: of the first weight matrix over the last, at initialization"


@dataclass(frozen=True, repr=False)
class Comparison:
    """What an experiment showed; made by `initwise.compare`. Printing it shows the verdicts and what they rest on.

    Attributes:
        experiment: what was run.
        outcomes: what came of every cell, tuning included.
        facts: what makes the experiment this one, as JSON values.
    """

    experiment: Experiment
    outcomes: Mapping[Cell, Outcome]
    facts: Mapping[str, Any]

    @cached_property
    def verdicts(self) -> Verdicts:
        """What is said of every strategy, with one error rate for all."""
        losses = self.experiment.losses(self.outcomes)
        assert losses is not None  # noqa: S101 - `compare` returns when every strategy has its seeds
        return self.experiment.verdicts(losses)

    @property
    def power(self) -> Power:
        """What the experiment could find."""
        return self.experiment.power

    @cached_property
    def rates(self) -> dict[str, float]:
        """The learning rate that tuning chose for each strategy."""
        return self.experiment.design.chosen(self.outcomes)

    @property
    def best(self) -> str:
        """The strategy to use: of those found better than the reference the one with the lowest loss, else the
        reference.

        Where the reference was not named, it is the best of the table.
        """
        better = [each for each in self.verdicts.contenders if each.verdict == "better"]
        found = min(better, key=lambda each: each.difference if each.difference is not None else 0.0, default=None)
        return self.verdicts.reference if found is None else found.strategy

    @property
    def edges(self) -> dict[str, str]:
        """What is said of each strategy whose learning rate is an end of the grid, as a sentence by its name."""
        rates = self.experiment.design.rates
        words = {rates[0]: "lowest", rates[-1]: "highest"} if len(rates) > 1 else {}
        return {
            name: f"{rate:g} is the {words[rate]} learning rate of the grid; a wider grid may do it more justice"
            for name, rate in self.rates.items()
            if rate in words and not all(run.diverged for run in self.runs(name))
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """What one should know about these results: of the verdicts, the optimizer, the metric and the rates."""
        return (*self.verdicts.notes, *self._oddities(), *self._edge_lines())

    def _oddities(self) -> Iterator[str]:
        left = self.facts.get(UNTRAINED, ())
        if left:
            names = ", ".join([*left[:3], *["..."] * (len(left) > 3)])
            yield f"{len(left)} parameters want a gradient and are not in the optimizer: {names}"
        live = [run for name in self.experiment.design.strategies for run in self.runs(name) if not run.diverged]
        lacking = sum(run.metric is None and run.validation is not None for run in live)
        if self.experiment.task.metric is not None and lacking:
            yield f"the metric was not finite in {lacking} of {len(live)} runs that did not diverge"

    def _edge_lines(self) -> list[str]:
        return [f"{name}: {said}" for name, said in self.edges.items()]

    def runs(self, strategy: str) -> list[Outcome]:
        """Return the outcomes of a strategy that decide, in the order of their seeds."""
        rate = self.rates[strategy]
        cells = (Cell(strategy, rate, seed) for seed in range(self.experiment.design.seeds))
        return [self.outcomes[cell] for cell in cells if cell in self.outcomes]

    @cached_property
    def curves(self) -> dict[str, LearningCurve]:
        """The learning curve of each strategy, with its interval over seeds."""
        return {name: learning_curve(name, self.runs(name)) for name in self.experiment.design.strategies}

    def apply_best(self, model: nn.Module, seed: int = 0) -> Plan:
        """Initialize a model by the best strategy, and return the plan; its learning rate is `rates[best]`.

        Args:
            model: a model like those that the task builds.
            seed: of the weights.
        """
        task = self.experiment.task
        with random_states_kept():
            reseed(seed, "data")
            training, _ = task.training_and_validation(seed)
            batches = list(islice(iter(training), CALIBRATING))
            strategy = self.experiment.strategy(self.best)
            decided = strategy.plan(model, batches, task.given(batches[0]), seed)
        apply(model, decided)
        return decided

    def table(self) -> Table:
        """Return the verdicts as a table, a row for each strategy."""
        return self.verdicts.table()

    def training_table(self) -> Table:
        """Return what the verdicts rest on: learning rates, losses, the metric, and signals at initialization."""
        rows = tuple(self._row(name) for name in self.experiment.design.strategies)
        columns = (Column("strategy"), *(Column(head, "right") for head in HEADS))
        return Table("", columns, rows, (SIGNALS, *self._oddities(), *self._edge_lines()))

    def _row(self, name: str) -> tuple[str, ...]:
        runs = self.runs(name)
        numbers = [
            [run.start for run in runs],
            [run.training for run in runs],
            [run.validation for run in runs],
            [run.metric for run in runs],
            [run.signals.get("gradient_ratio") for run in runs],
        ]
        cells = [f"{self.rates[name]:g}", str(len(runs)), *map(_median, numbers)]
        return (name, *cells, f"{sum(run.seconds for run in runs) / len(runs):.2g}")

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        names = self.experiment.design.strategies
        return {
            "experiment": dict(self.facts),
            "best": self.best,
            "learning_rates": self.rates,
            "power": plain(self.power.to_dict()),
            "verdicts": plain(self.verdicts.to_dict()),
            "notes": list(self.notes),
            "curves": {name: plain(curve.to_dict()) for name, curve in self.curves.items()},
            "signals": {name: plain(dict(self.runs(name)[0].signals)) for name in names},
            "runs": [plain(each.to_dict()) for _, each in sorted(self.outcomes.items())],
        }

    def __str__(self) -> str:
        return "\n\n".join([self._title(), text(self.table()), text(self.training_table())])

    def _title(self) -> str:
        design = self.experiment.design
        return f"{self.experiment.task.name}: {design.steps} steps, {design.seeds} seeds; {self.power}"

    def _repr_html_(self) -> str:
        """What notebooks show."""
        return fragment(paragraph(self._title()), table_html(self.table()), table_html(self.training_table()))

    def __repr__(self) -> str:
        return f"<Comparison of {', '.join(self.experiment.design.strategies)} on {self.experiment.task.name}>"


def _median(numbers: Sequence[float | None]) -> str:
    known = [number for number in numbers if number is not None]
    return f"{statistics.median(known):.4g}" if known else ""
