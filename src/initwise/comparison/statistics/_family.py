"""A family of comparisons with one error rate: which p-values are small enough for it, and whether any can be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from initwise.comparison.statistics._flips import sign_flip
from initwise.comparison.statistics._paired import Paired
from initwise.comparison.statistics._student import t_test
from initwise.statistics import holm

Test = Literal["exact", "t"]
TESTS: tuple[Test, ...] = ("exact", "t")


def comparisons(strategies: int, *, reference: bool) -> int:
    """Return how many pairs are compared: each contender with a named reference, or all with all without one.

    >>> comparisons(5, reference=True), comparisons(5, reference=False)
    (4, 10)
    """
    return strategies - 1 if reference else strategies * (strategies - 1) // 2


def smallest_p(seeds: int, test: Test = "exact") -> float:
    """Return the smallest two-sided p-value that so many seeds can give: 2 / 2^n by sign flips, 0 by t from two seeds.

    >>> smallest_p(5), smallest_p(8)
    (0.0625, 0.0078125)
    """
    if test == "exact":
        return min(1.0, 2.0 ** (1 - seeds))
    return 1.0 if seeds < 2 else 0.0


def least_seeds(contenders: int, alpha: float = 0.05, test: Test = "exact") -> int:
    """Return from how many seeds on any difference can be significant among so many comparisons.

    >>> least_seeds(4), least_seeds(1), least_seeds(4, test="t")
    (8, 6, 2)
    """
    return 2 if test == "t" else max(2, math.ceil(1 - math.log2(alpha / contenders) - 1e-12))


def attained(seeds: int, level: float, test: Test = "exact") -> float:
    """Return the largest p-value up to `level` that the test can give: sign flips come in steps of 2 / 2^n."""
    step = smallest_p(seeds, test)
    return math.floor(level / step + 1e-12) * step if step and seeds < 40 else level


def difference_p(pair: Paired, test: Test) -> float:
    """Return the p-value of no difference, over scores that count divergence as the worst.

    A t test needs a normal law: where only one strategy diverged, or the differences have no spread, the exact test
    stands in. That is decided by what sign flips leave as it is, so it costs no level.
    """
    if not pair.scored:
        return 1.0
    p = t_test(pair.differences) if test == "t" and not pair.discordant else None
    return sign_flip(pair.scored) if p is None else p


def equivalence_p(pair: Paired, margin: float | None, test: Test) -> float:
    """Return the p-value of |difference| >= margin: two one-sided tests (Schuirmann 1987), the larger of the two.

    1 where a strategy diverged alone: that is no loss that lies within a margin.
    """
    if margin is None or pair.discordant or not pair.differences:
        return 1.0
    above = [each - margin for each in pair.differences]
    below = [each + margin for each in pair.differences]
    upper = t_test(above, "less") if test == "t" else None
    lower = t_test(below, "greater") if test == "t" else None
    if upper is None or lower is None:
        upper, lower = sign_flip(above, "less"), sign_flip(below, "greater")
    return max(upper, lower)


def family_level(settled: Sequence[float], alpha: float) -> float:
    """Return the level at which each comparison of a family may be held, so that all together keep `alpha`.

    A comparison is settled at a level if nothing that is still to be claimed of it could be wrong. Each of m starts
    with alpha / m, and what a settled one had is shared by the others: alpha / (m - how many are settled), again and
    again (Holm 1979; for nulls of which only some can be true together, Shaffer, Modified sequentially rejective
    multiple test procedures, 1986). `settled` holds for each comparison the p-value at which it is.

    >>> family_level([0.01, 0.02, 0.5], 0.05)  # 0.01 <= 0.05 / 3, then 0.02 <= 0.05 / 2
    0.05
    """
    done = sum(p <= alpha for p in holm(settled))
    return alpha / max(1, len(settled) - done)
