"""Experiments judged, and counted against the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.comparison.worlds import NOISE, World
from initwise.comparison.statistics import Losses, Race, Test, Verdicts, verdicts

WAYS = ("exact", "t", "exact, best of all", "exact, race", "exact, best of all, race")


@dataclass(slots=True)
class Count:
    """Of so many experiments: how many had any false verdict, any false stop; how many cells a race saved."""

    experiments: int = 0
    false: int = 0
    false_stops: int = 0
    cells: int = 0
    saved: int = 0
    verdicts: dict[str, int] = field(default_factory=dict)

    def add(self, world: World, found: Verdicts) -> None:
        """Hold one experiment against the truth."""
        self.experiments += 1
        self.false += any(world.wrong(each.verdict, each.strategy, found.reference) for each in found.contenders)
        self.false_stops += any(world.wrong("worse", each.strategy, each.rival) for each in found.lost)
        self.cells += world.seeds * len(world.shifts)
        self.saved += sum(world.seeds - each.seeds for each in found.lost)
        for each in found.contenders:
            self.verdicts[each.verdict] = self.verdicts.get(each.verdict, 0) + 1


def judge(world: World, losses: Losses, way: str) -> Verdicts:
    """Judge an experiment in one of the ways; a race sees each strategy's seeds only up to its stop."""
    test: Test = "t" if way == "t" else "exact"
    reference = None if "best" in way else "s0"
    race = Race(world.seeds, reference=reference) if "race" in way else None
    if race:
        ran = {each.strategy: each.seeds for each in race.lost(losses)}
        losses = Losses.of({name: losses.row(name)[: ran.get(name, world.seeds)] for name in losses.strategies})
    return verdicts(losses, reference=reference, margin=world.margin * NOISE, test=test, race=race)


def simulate(
    worlds: Callable[[np.random.Generator], World], runs: int, seed: int, ways: Iterable[str]
) -> dict[str, Count]:
    """Draw experiments and judge each of them in every way."""
    generator = np.random.default_rng(seed)
    counts = {way: Count() for way in ways}
    for _ in range(runs):
        world = worlds(generator)
        losses = world.draw(generator)
        for way, count in counts.items():
            count.add(world, judge(world, losses, way))
    return counts


def found_power(seeds: int, contenders: int, ratio: float, test: Test, runs: int, seed: int) -> float:
    """Return how often the only contender that differs is found worse."""
    world = World("one differs", (0.0, ratio, *(0.0,) * (contenders - 1)), seeds)
    generator = np.random.default_rng(seed)
    found = 0
    for _ in range(runs):
        said = verdicts(world.draw(generator), reference="s0", margin=1e-9, test=test).of("s1")
        found += said is not None and said.verdict == "worse"
    return found / runs
