"""Racing: contenders that lost are stopped before all seeds are run, at a controlled error rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from initwise._arguments import Arguments
from initwise.comparison.statistics._divergence import diverges_alone
from initwise.comparison.statistics._family import comparisons
from initwise.comparison.statistics._losses import Losses
from initwise.comparison.statistics._paired import Paired, paired
from initwise.comparison.statistics._student import t_test


@dataclass(frozen=True, slots=True)
class Lost:
    """A strategy that was stopped: to whom it lost, after how many seeds, with which p-value against which level."""

    strategy: str
    rival: str
    seeds: int
    p: float
    level: float
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """The stop as plain data, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Race:
    """A rule that stops losers after each seed and errs anywhere, over all strategies and looks, with alpha * share.

    The rest of alpha is left for the verdicts at the end, so that both together keep alpha. At each look k = first,
    ..., seeds - 1 every running contender is held against the reference (without a named one, every strategy against
    every other), with the level alpha * share / (looks * comparisons), halved between two one-sided tests on the first
    k seeds:

    - Student's t on the log losses of joint survivors, where the contender did not diverge less often than its rival;
    - the number of seeds on which it diverged alone, where its rival never did (`diverges_alone`).

    This spends alpha as Lan and DeMets (Discrete sequential boundaries for clinical trials, 1983), in equal parts, and
    adds the parts up by Bonferroni: it holds for every dependence between looks and strategies, at any number of seeds,
    without the large samples that the usual boundaries of group-sequential tests assume. Mixtures and e-values that
    hold for unlimited looks (Robbins 1970; Perez-Ortiz et al. 2022) were the alternative: the number of looks is known
    here, and a t e-value with n - 1 degrees of freedom is bounded at the few seeds at which a race should stop. Sign
    flips cannot stop early at all: k seeds give no p-value below 2 / 2^k. So a race assumes what a t test assumes of
    the differences, a law that is about normal; heavy tails make it stop less often.

    A race starts at three seeds: two differences say next to nothing about their spread.

    Args:
        seeds: how many are planned; fixed before the race.
        reference: the strategy that is never stopped and held against all others; None where the best is wanted.
        alpha: the error rate of race and verdicts together.
        share: the part of it that the race may spend.
        first: after how many seeds the first look is.

    >>> race = Race(seeds=8)
    >>> losses = Losses.of({"a": [0.10, 0.11, 0.10, 0.12], "b": [2.3, 2.2, 2.4, 2.3], "c": [0.11, 0.1, 0.1, 0.12]})
    >>> [(lost.strategy, lost.seeds) for lost in race.lost(losses)]
    [('b', 3)]
    """

    seeds: int
    reference: str | None = None
    alpha: float = 0.05
    share: float = 0.2
    first: int = 3

    def __post_init__(self) -> None:
        arguments = Arguments("Race")
        arguments.integer("seeds", self.seeds, least=1)
        arguments.integer("first", self.first, least=2)
        for name in ("alpha", "share"):
            value = getattr(self, name)
            if not 0 < arguments.number(name, value) < 1:
                arguments.refuse(f"{name} is {value}, and must lie between 0 and 1")
        arguments.done()

    @property
    def left(self) -> float:
        """The error rate that is left for the verdicts."""
        return self.alpha * (1 - self.share)

    @property
    def looks(self) -> range:
        """After how many seeds somebody may be stopped; at the last seed the verdicts speak."""
        return range(self.first, self.seeds)

    def level(self, strategies: int) -> float:
        """The level of one comparison at one look."""
        pairs = comparisons(strategies, reference=self.reference is not None) * (1 if self.reference else 2)
        return self.alpha * self.share / (pairs * max(1, len(self.looks)))

    def lost(self, losses: Losses) -> tuple[Lost, ...]:
        """Return who is to be stopped, from the first look on; a pure function of the table, so it can be repeated.

        Pass all strategies of the comparison each time, those that were stopped with the seeds that they ran. At a look
        at k seeds only those take part that have k losses and were not stopped at an earlier one.

        Raises:
            ArgumentError: the reference is no strategy.
        """
        if self.reference is not None:
            losses.row(self.reference)
        level, stopped = self.level(len(losses.strategies)), dict[str, Lost]()
        for look in self.looks:
            there = [name for name in losses.strategies if name not in stopped and len(losses.row(name)) >= look]
            table = losses.first(look)
            for name in there:
                rivals = [each for each in there if each != name and self.reference in {None, each}]
                found = next(_beaten(table, name, rivals, level), None) if name != self.reference else None
                if found is not None:
                    stopped[name] = found
        return tuple(stopped.values())


def _beaten(losses: Losses, name: str, rivals: list[str], level: float) -> Iterator[Lost]:
    for rival in rivals:
        p, reason = _p(paired(losses, name, rival))
        if p <= level:
            yield Lost(name, rival, losses.seeds, p, level, f"{reason} than {rival!r} on {losses.seeds} seeds")


def _p(pair: Paired) -> tuple[float, str]:
    """Return the smaller p-value of the two tests, doubled, and what it says."""
    worse = t_test(pair.differences, "greater") if pair.contender_only >= pair.reference_only else None
    alone = diverges_alone(pair.contender_only, pair.seeds) if not pair.reference_only else 1.0
    if worse is not None and worse <= alone:
        return min(1.0, 2 * worse), "higher losses"
    return min(1.0, 2 * alone), "diverged more often"
