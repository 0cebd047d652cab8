"""From what the runs measured to records, and from records to one slope for each activation and step."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from initwise.signals.coordinates._asked import Asked
from initwise.signals.coordinates._fit import Fit, fitted
from initwise.signals.coordinates._names import Names
from initwise.signals.coordinates._row import Along, Coordinate, CoordinateRecord, Key, Statistic
from initwise.signals.coordinates._train import Run

Runs = Mapping[tuple[int, int], Run]


def records(wanted: Asked, runs: Runs) -> tuple[CoordinateRecord, ...]:
    """Return every number of every run; NaN for the steps that a run did not reach, because its loss was not finite."""
    return tuple(
        record
        for (size, seed), run in sorted(runs.items())
        for step in range(wanted.steps + 1)
        for record in _recorded(wanted, run, size, seed, step)
    )


def _recorded(wanted: Asked, run: Run, size: int, seed: int, step: int) -> Iterator[CoordinateRecord]:
    if step < len(run.losses):
        for (key, statistic), value in run.steps[step].items():
            if statistic in wanted.statistics:
                yield CoordinateRecord(size, seed, step, *key, statistic, value)
        yield CoordinateRecord(size, seed, step, "", 0, "loss", "loss", run.losses[step])
        return
    for key in dict.fromkeys(key for key, _ in run.steps[0]):
        for each in wanted.statistics:
            yield CoordinateRecord(size, seed, step, *key, each, math.nan)
    yield CoordinateRecord(size, seed, step, "", 0, "loss", "loss", math.nan)


def rows(
    wanted: Asked, measured: tuple[CoordinateRecord, ...], runs: Runs, names: Names | None
) -> tuple[Coordinate, ...]:
    """Return the slope of each activation at each step, in the order of the forward pass."""
    values: defaultdict[tuple[Key, Statistic, int], dict[tuple[int, int], float]] = defaultdict(dict)
    for record in measured:
        if record.statistic != "loss":
            for key in _common(names, record.size, record.key):
                values[key, record.statistic, record.step][record.size, record.seed] = record.value
    outputs = {key for (size, _), run in runs.items() for each in run.outputs for key in _common(names, size, each)}
    branches = {key for (size, _), run in runs.items() for each in run.branches for key in _common(names, size, each)}
    excuses = _Excuses(wanted.along, outputs, branches)
    order = list(dict.fromkeys(key for key, _, _ in values))
    sizes = list(wanted.models)
    return tuple(
        _row(wanted, key, each, step, found, excuses.of(key, each))
        for key in order
        for each in wanted.statistics
        for step in range(wanted.steps + 1)
        if (found := _fit(wanted, values.get((key, each, step)), sizes)) is not None
    )


def _fit(wanted: Asked, values: Mapping[tuple[int, int], float] | None, sizes: list[int]) -> Fit | None:
    return None if not values else fitted(values, sizes, wanted.seeds, wanted.confidence, wanted.tolerance)


def _common(names: Names | None, size: int, key: Key) -> Iterator[Key]:
    for name in (key.module,) if names is None else names.common(size, key.module):
        yield key._replace(module=name)


def _row(wanted: Asked, key: Key, statistic: Statistic, step: int, fit: Fit, excuse: str) -> Coordinate:
    shrinks = fit.high is not None and fit.high <= wanted.tolerance and fit.verdict in ("shrinks", "undecided")
    return Coordinate(
        key.module,
        key.call,
        key.output,
        step,
        statistic,
        fit.verdict,
        fit.slopes,
        fit.slope,
        fit.low,
        fit.high,
        fit.seeds_needed,
        excuse if shrinks and excuse else fit.why,
        allowed=bool(shrinks and excuse) or fit.verdict in ("stable", "zero"),
    )


class _Excuses(NamedTuple):
    """Why it is no fault that an activation shrinks."""

    along: Along
    outputs: AbstractSet[Key]
    branches: AbstractSet[Key]

    def of(self, key: Key, statistic: Statistic) -> str:
        """Return the reason in words; "" where it would be a fault."""
        if self.along == "depth":
            return "a branch: the plan makes it smaller with depth" if key in self.branches else ""
        if key.output.startswith("attention logits"):
            return "attention logits: queries and keys are not aligned yet"
        return "an output: at 1 / width at first" if key in self.outputs and statistic == "second_moment" else ""
