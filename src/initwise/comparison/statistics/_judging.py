"""Judging a family of pairs: one verdict each, with one error rate for all."""

from __future__ import annotations

import itertools
import math

from initwise.comparison.statistics._contender import Contender, Verdict
from initwise.comparison.statistics._divergence import mcnemar
from initwise.comparison.statistics._family import Test, comparisons, difference_p, equivalence_p, holm_levels
from initwise.comparison.statistics._flips import sign_flip
from initwise.comparison.statistics._losses import Losses
from initwise.comparison.statistics._needs import seeds_to_decide
from initwise.comparison.statistics._paired import paired
from initwise.comparison.statistics._racing import Lost, Race
from initwise.comparison.statistics._student import t_interval, t_test
from initwise.comparison.statistics._summaries import improvement
from initwise.statistics import holm


class Family:
    """The pairs of a table that one error rate holds for: all with the base if that was named, else all with all."""

    def __init__(
        self, losses: Losses, base: str, margin: float | None, alpha: float, test: Test, *, named: bool
    ) -> None:
        self.losses, self.base, self.margin, self.test = losses, base, margin, test
        self.rivals = [name for name in losses.strategies if name != base]
        self.count = comparisons(len(losses.strategies), reference=named)
        self.level = alpha / max(1, self.count)
        others = [] if named else itertools.combinations(self.rivals, 2)
        self.pairs = [paired(losses, *names) for names in [*((name, base) for name in self.rivals), *others]]
        self._agree = [equivalence_p(pair, margin, test) for pair in self.pairs]
        smaller = [min(difference_p(pair, test), p) for pair, p in zip(self.pairs, self._agree, strict=True)]
        self._levels, self._adjusted = holm_levels(smaller, alpha), holm(smaller)

    def contenders(self) -> list[Contender]:
        """The verdicts on all but the base."""
        return [self._judge(index, name) for index, name in enumerate(self.rivals)]

    def _judge(self, index: int, name: str) -> Contender:
        verdict, p, needed = self._verdict(index), self._adjusted[index], None
        reason = f"p {p:.2g} after Holm over {self.count}" if self.count > 1 else f"p {p:.2g}"
        if verdict == "undecided":
            needed = seeds_to_decide(self.pairs[index], self.margin, self.level, self.test)
            reason = f"about {needed:,} seeds would decide" if needed else "more seeds would hardly decide"
        return described(
            self.losses, name, self.base, self.margin, self.level, self.test, verdict, reason, p, needed=needed
        )

    def _verdict(self, index: int) -> Verdict:
        level = self._levels[index]
        if level is None:
            return "undecided"
        if self._agree[index] <= level:
            return "equivalent"
        return "better" if math.fsum(self.pairs[index].scored) < 0 else "worse"


def loser(losses: Losses, base: str, margin: float | None, test: Test, race: Race, lost: Lost) -> Contender:
    """The verdict on who lost a race; its p-value is that of the stop times all looks and comparisons of the race."""
    p = lost.p * race.alpha * race.share / lost.level
    return described(losses, lost.strategy, base, margin, race.alpha, test, "worse", f"stopped: {lost.reason}", p)


def described(
    losses: Losses,
    name: str,
    base: str,
    margin: float | None,
    level: float,
    test: Test,
    verdict: Verdict,
    reason: str,
    p: float,
    *,
    needed: int | None = None,
) -> Contender:
    """A verdict with all that was found of its pair."""
    pair = paired(losses, name, base)
    return Contender(
        strategy=name,
        verdict=verdict,
        reason=reason,
        seeds=pair.seeds,
        survivors=len(pair.differences),
        difference=pair.mean,
        interval=t_interval(pair.differences, level),
        p=p,
        p_exact=sign_flip(pair.scored) if pair.scored else 1.0,
        p_t=t_test(pair.differences),
        p_equivalence=equivalence_p(pair, margin, test),
        diverged_alone=(pair.contender_only, pair.reference_only),
        p_divergence=mcnemar(pair.contender_only, pair.reference_only),
        improvement=improvement(losses, name, base),
        seeds_needed=needed,
    )
