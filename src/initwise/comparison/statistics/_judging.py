"""Judging a family of pairs: one verdict each, with one error rate for all."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection

from initwise.comparison.statistics._contender import Contender, Verdict
from initwise.comparison.statistics._divergence import mcnemar
from initwise.comparison.statistics._family import Test, comparisons, difference_p, equivalence_p, family_level
from initwise.comparison.statistics._flips import sign_flip
from initwise.comparison.statistics._losses import Losses
from initwise.comparison.statistics._needs import seeds_to_decide
from initwise.comparison.statistics._paired import paired
from initwise.comparison.statistics._racing import Lost
from initwise.comparison.statistics._student import t_interval, t_test
from initwise.comparison.statistics._summaries import improvement


class Family:
    """The comparisons that one error rate holds for: all with the base if that was named, else all with all.

    With a margin a comparison has two nulls, no difference and a difference as large as the margin, and is settled when
    both are rejected: what truly lies at the margin is rightly called worse, and might still be called equivalent
    wrongly. So a verdict frees its share of alpha for the others only where no margin is given; who lost a race too.
    """

    def __init__(
        self,
        losses: Losses,
        base: str,
        margin: float | None,
        alpha: float,
        test: Test,
        *,
        named: bool,
        lost: Collection[str] = (),
    ) -> None:
        self.losses, self.base, self.margin, self.test = losses, base, margin, test
        self.count = comparisons(len(losses.strategies), reference=named)
        self.rivals = [name for name in losses.strategies if name != base and name not in lost]
        others = [] if named else itertools.combinations(self.rivals, 2)
        self.pairs = [paired(losses, *names) for names in [*((name, base) for name in self.rivals), *others]]
        self._differ = [difference_p(pair, test) for pair in self.pairs]
        self._agree = [equivalence_p(pair, margin, test) for pair in self.pairs]
        settled = self._differ if margin is None else list(map(max, self._differ, self._agree))
        freed = len(lost) if margin is None else 0
        rest = self.count - len(settled) - freed
        self.level = family_level([*settled, *[0.0] * freed, *[1.0] * rest], alpha)

    def contenders(self) -> list[Contender]:
        """The verdicts on all that run."""
        return [self._judge(index, name) for index, name in enumerate(self.rivals)]

    def _judge(self, index: int, name: str) -> Contender:
        verdict, needed = self._verdict(index), None
        p = self._agree[index] if verdict == "equivalent" else self._differ[index]
        reason = f"p {p:.2g}, at most {self.level:.2g} needed"
        if verdict == "undecided":
            needed = seeds_to_decide(self.pairs[index], self.margin, self.level, self.test)
            reason = f"about {needed:,} seeds would decide" if needed else "more seeds would hardly decide"
        return described(self.losses, name, self.base, self.margin, self.level, self.test, verdict, reason, p, needed)

    def _verdict(self, index: int) -> Verdict:
        if self._agree[index] <= self.level:
            return "equivalent"
        if self._differ[index] <= self.level:
            return "better" if math.fsum(self.pairs[index].scored) < 0 else "worse"
        return "undecided"


def loser(losses: Losses, base: str, margin: float | None, test: Test, lost: Lost) -> Contender:
    """The verdict on who lost a race, with the level that it was held at there."""
    reason = f"stopped: {lost.reason}"
    return described(losses, lost.strategy, base, margin, lost.level, test, "worse", reason, lost.p)


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
        level=level,
        p_exact=sign_flip(pair.scored) if pair.scored else 1.0,
        p_t=t_test(pair.differences),
        p_equivalence=equivalence_p(pair, margin, test),
        diverged_alone=(pair.contender_only, pair.reference_only),
        p_divergence=mcnemar(pair.contender_only, pair.reference_only),
        improvement=improvement(losses, name, base),
        seeds_needed=needed,
    )
