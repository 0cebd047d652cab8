"""What an experiment can find, said before it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from initwise._arguments import Arguments
from initwise.comparison.statistics._family import TESTS, Test, attained, least_seeds, smallest_p
from initwise.comparison.statistics._flips import sign_flips
from initwise.comparison.statistics._student import t_power
from initwise.findings import Column, Table

WANTED = 0.8  # the power that an experiment should have, as is the custom since Cohen 1988
_EXPERIMENTS = 10_000
_COUNTED = 14  # seeds up to which experiments are simulated; beyond, sign flips and t differ by less than a point
_BLOCKS = (2, 64, 512, 10_001)  # seeds are looked for in blocks, since most questions end in the first
_OFF = 5  # seeds by which the t law may miss what sign flips need


@dataclass(frozen=True, slots=True)
class Power:
    """What a number of seeds can show, before any is run.

    Attributes:
        seeds, contenders, effect, noise, alpha, test: what was asked.
        power: the probability that a contender which differs by `effect` is found better or worse, as it truly is,
            though none of the others differs. Where others do, Holm's method makes it larger.
        level: the level of one comparison, alpha / contenders.
        smallest_p: the smallest p-value that so many seeds can give.
        possible: whether any difference can be significant, however large.
        least_seeds: from how many seeds on it can.
        seeds_needed: from how many on the power is 80 %; None where more than 10,000 are.
    """

    seeds: int
    contenders: int
    effect: float
    noise: float
    alpha: float
    test: Test
    power: float
    level: float
    smallest_p: float
    possible: bool
    least_seeds: int
    seeds_needed: int | None

    def to_dict(self) -> dict[str, Any]:
        """The forecast as plain data, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        asked = f"with {_counted(self.seeds, 'seed')} and {_counted(self.contenders, 'contender')}"
        if not self.possible:
            return f"{asked} no difference can be significant; {self.least_seeds} are needed"
        needed = "more than 10,000 seeds are" if self.seeds_needed is None else f"{self.seeds_needed} seeds are"
        more = "" if self.power >= WANTED else f"; {needed} needed for {WANTED:.0%}"
        return f"{asked} a difference of {self.effect / self.noise:g} noise is found with {self.power:.0%}{more}"


def power(
    seeds: int,
    contenders: int,
    effect: float,
    noise: float,
    *,
    alpha: float = 0.05,
    test: Test = "exact",
) -> Power:
    """Forecast what an experiment can find.

    Up to 14 seeds the exact test's power is that of 10,000 simulated experiments (always the same ones; within one
    point), beyond, and for t, from the noncentral t law.

    Args:
        seeds: of the experiment.
        contenders: comparisons in the family; without a named reference all pairs of strategies (`comparisons`).
        effect: the true difference of mean log losses.
        noise: the standard deviation, over seeds, of the difference of log losses on one seed.
        alpha: the error rate of the family.
        test: "exact" for sign flips, "t" for Student's.

    >>> print(power(5, 4, 0.1, 0.1))
    with 5 seeds and 4 contenders no difference can be significant; 8 are needed

    Raises:
        ArgumentError: seeds or contenders below one, noise that is not positive, alpha outside 0 to 1.
    """
    arguments = Arguments("power")
    arguments.integer("seeds", seeds, least=1)
    arguments.integer("contenders", contenders, least=1)
    arguments.choice("test", test, TESTS)
    arguments.number("effect", effect)
    if arguments.number("noise", noise) <= 0:
        arguments.refuse(f"noise is {noise}, and must be positive; a pilot of a few seeds tells it")
    if not 0 < arguments.number("alpha", alpha) < 1:
        arguments.refuse(f"alpha is {alpha}, and must lie between 0 and 1")
    arguments.done()
    level, ratio = alpha / contenders, abs(effect) / noise
    return Power(
        seeds=seeds,
        contenders=contenders,
        effect=effect,
        noise=noise,
        alpha=alpha,
        test=test,
        power=_found(seeds, ratio, level, test),
        level=level,
        smallest_p=smallest_p(seeds, test),
        possible=smallest_p(seeds, test) <= level,
        least_seeds=least_seeds(contenders, alpha, test),
        seeds_needed=seeds_needed(contenders, effect, noise, alpha=alpha, test=test),
    )


def seeds_needed(
    contenders: int,
    effect: float,
    noise: float,
    *,
    wanted: float = WANTED,
    alpha: float = 0.05,
    test: Test = "exact",
) -> int | None:
    """Return the smallest number of seeds whose power is `wanted`, or None where more than 10,000 are needed.

    >>> seeds_needed(1, 0.5, 1.0, test="t")
    34
    """
    level, ratio = alpha / contenders, abs(effect) / noise
    least = least_seeds(contenders, alpha, test)
    guess = _guessed(least, ratio, level, wanted, test)
    if guess is None or test == "t" or guess > _COUNTED + _OFF:
        return guess
    tried = range(max(least, guess - _OFF), guess + _OFF + 1)
    return next((each for each in tried if _found(each, ratio, level, test) >= wanted), guess)


def power_curve(
    seeds: Sequence[int],
    contenders: int,
    effects: Sequence[float],
    noise: float,
    *,
    alpha: float = 0.05,
    test: Test = "exact",
) -> Table:
    """Return a table of powers, a row for each number of seeds and a column for each effect.

    >>> print(power_curve([5, 8], 4, [1.0, 2.0], 1.0, test="t"))
    seeds  1 noise  2 noise
    -----  -------  -------
        5      15%      61%
        8      39%      96%
    """
    columns = (Column("seeds", "right"), *(Column(f"{effect / noise:g} noise", "right") for effect in effects))
    rows = tuple(
        (str(count), *(f"{_found(count, abs(each) / noise, alpha / contenders, test):.0%}" for each in effects))
        for count in seeds
    )
    return Table("", columns, rows)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' if count != 1 else ''}"


def _guessed(least: int, ratio: float, level: float, wanted: float, test: Test) -> int | None:
    """Return the smallest number of seeds that suffices by the noncentral t law."""
    ends = [least, *(end for end in _BLOCKS if end > least)]
    for low, high in pairwise(ends):
        sizes = np.arange(low, high)
        levels = [attained(int(size), level, test) for size in sizes]
        enough = t_power(sizes, ratio, levels) >= wanted
        if enough.any():
            return int(sizes[enough.argmax()])
    return None


@lru_cache(maxsize=512)
def _found(seeds: int, ratio: float, level: float, test: Test) -> float:
    if smallest_p(seeds, test) > level:
        return 0.0
    if test == "t" or seeds > _COUNTED:
        return float(t_power(seeds, ratio, attained(seeds, level, test)))
    draws = np.random.default_rng(seeds).standard_normal((_EXPERIMENTS, seeds)) + ratio
    right = draws[draws.sum(1) > 0]
    return float((sign_flips(right) <= level).sum() / _EXPERIMENTS)
