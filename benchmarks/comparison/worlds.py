"""Worlds: strategies whose true differences are known, and experiments drawn from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from initwise.comparison.statistics import Losses

Law = Literal["normal", "t3", "contaminated", "skewed"]
NOISE = 0.1  # standard deviation of the difference of two log losses on one seed
SHARED = 0.3  # of what all strategies have in common on one seed


@dataclass(frozen=True, slots=True)
class World:
    """What is true: mean log losses in units of the noise, probabilities to diverge, the law of the noise.

    The first strategy is the reference. `margin` is in units of the noise too.
    """

    name: str
    shifts: tuple[float, ...]
    seeds: int
    law: Law = "normal"
    diverges: tuple[float, ...] = ()
    margin: float = 0.5

    @property
    def names(self) -> list[str]:
        """The strategies."""
        return [f"s{index}" for index in range(len(self.shifts))]

    def itself(self, generator: np.random.Generator) -> World:
        """The world, where one might be drawn."""
        return self

    def wrong(self, verdict: str, strategy: str, against: str) -> bool:
        """Tell whether a verdict contradicts the truth."""
        one, other = self.names.index(strategy), self.names.index(against)
        loss = self.shifts[one] - self.shifts[other]
        rates = self.diverges or (0.0,) * len(self.shifts)
        rate = rates[one] - rates[other]
        return {
            "better": loss >= 0 and rate >= 0,
            "worse": loss <= 0 and rate <= 0,
            "equivalent": abs(loss) >= self.margin - 1e-9,
            "undecided": False,
        }[verdict]

    def draw(self, generator: np.random.Generator) -> Losses:
        """One experiment."""
        shape = (len(self.shifts), self.seeds)
        own = noise(generator, self.law, shape) * NOISE / np.sqrt(2)
        logs = generator.normal(0, SHARED, self.seeds) + np.array(self.shifts)[:, None] * NOISE + own
        losses = np.exp(logs)
        if self.diverges:
            losses[generator.random(shape) < np.array(self.diverges)[:, None]] = np.nan
        return Losses.of({name: row.tolist() for name, row in zip(self.names, losses, strict=True)})


def noise(generator: np.random.Generator, law: Law, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Draws with mean zero and standard deviation one."""
    if law == "t3":
        return np.asarray(generator.standard_t(3, shape) / np.sqrt(3))
    if law == "contaminated":  # one in ten is ten times as wide
        wide = np.where(generator.random(shape) < 0.1, 10.0, 1.0)
        return np.asarray(generator.standard_normal(shape) * wide / np.sqrt(0.9 + 0.1 * 100))
    if law == "skewed":
        return generator.exponential(1.0, shape) - 1.0
    return generator.standard_normal(shape)


def hardest() -> list[World]:
    """Worlds in which a verdict is most easily wrong: all equal, all at the margin, and half and half."""
    worlds = []
    for count, seeds in ((2, 6), (3, 8), (4, 12), (6, 20)):
        equal, rivals = (0.0,) * count, count - 1
        edge = (0.0, *(1.5 if index % 2 else -1.5 for index in range(rivals)))
        half = (0.0, *(3.0 if index % 2 else 0.0 for index in range(rivals)))
        worlds += [
            World("all equal", equal, seeds),
            World("all at the margin", edge, seeds, margin=1.5),
            World("half equal, half far", half, seeds, margin=0.1),
            World("all equal, t with 3 degrees", equal, seeds, "t3"),
            World("at the margin, 10 % outliers", edge, seeds, "contaminated", margin=1.5),
            World("all equal, 5 % diverge", equal, seeds, diverges=(0.05,) * count),
            World("all equal, 20 % diverge, t3", equal, seeds, "t3", (0.2,) * count),
            World("equal losses, contenders diverge", equal, seeds, diverges=(0.0, *(0.2,) * rivals)),
        ]
    return worlds


def losing() -> list[World]:
    """Worlds for races: with losers by little and by far, by divergence, and without any."""
    worlds = []
    for seeds in (8, 20):
        worlds += [
            World("all equal", (0.0,) * 5, seeds),
            World("all equal, 20 % diverge, t3", (0.0,) * 5, seeds, "t3", (0.2,) * 5),
            World("three lose by 3", (0.0, 3.0, 3.0, 3.0, 0.0), seeds),
            World("three lose by 10", (0.0, 10.0, 10.0, 10.0, 0.0), seeds),
            World("three lose by 30 (a stall)", (0.0, 30.0, 30.0, 30.0, 0.0), seeds),
            World("two always diverge", (0.0, 0.0, 0.0, 0.0, 0.0), seeds, diverges=(0.0, 1.0, 1.0, 0.0, 0.0)),
        ]
    return worlds


def skewed() -> list[World]:
    """Worlds beyond what the tests assume: differences of two skewed laws of unlike spread are not symmetric."""
    return [
        World("all equal, exponential noise", (0.0,) * count, seeds, "skewed") for count, seeds in ((3, 8), (6, 20))
    ]


def anyone(generator: np.random.Generator) -> World:
    """A world at random: 2 to 6 strategies, 3 to 20 seeds, any law, divergence of 0 to 20 %, a third of them equal."""
    count, seeds = int(generator.integers(2, 7)), int(generator.integers(3, 21))
    shifts = np.where(generator.random(count) < 1 / 3, 0.0, generator.normal(0, 2, count))
    rates = np.zeros(count)
    if generator.random() < 0.5:
        rates[:] = generator.uniform(0.05, 0.2)
        rates[generator.random(count) < 0.25] = 0.0
        rates = np.sort(rates)[np.argsort(np.argsort(shifts))]  # who has higher losses diverges no less often
    law: Law = ("normal", "t3", "contaminated")[int(generator.integers(3))]
    world = World("at random", tuple(shifts.tolist()), seeds, law, margin=float(generator.uniform(0.3, 2)))
    return replace(world, diverges=tuple(rates.tolist())) if rates.any() else world
