"""Verdicts as cells of a table."""

from __future__ import annotations

import math
from collections.abc import Sequence

from initwise.comparison.statistics._contender import Contender
from initwise.comparison.statistics._divergence import Divergence
from initwise.comparison.statistics._losses import Scale
from initwise.comparison.statistics._summaries import InterquartileMean

_PERCENT = math.log(3)  # differences of logarithms up to which percent read well


def rows_of(
    fate: Divergence, mean: InterquartileMean, said: Contender | None, word: str, scale: Scale
) -> tuple[str, ...]:
    """Return the cells of one strategy; without a verdict it is the reference, whose verdict is `word`."""
    middle = "-" if mean.value is None else f"{mean.value:.4g}"
    diverged = f"{fate.diverged}/{fate.runs}" if fate.diverged else "-"
    if said is None:
        return (fate.strategy, word, middle, "", "", "", diverged, "")
    difference, *ends = changes([said.difference, *(said.interval or ())], scale)
    interval = " to ".join(ends) or "-"
    wins = f"{said.improvement.value:.0%}"
    return (fate.strategy, said.verdict, middle, difference, interval, wins, diverged, said.reason)


def changes(differences: Sequence[float | None], scale: Scale) -> list[str]:
    """Return differences of losses in words and in one unit: of logarithms in percent, or as factors if one is large.

    >>> changes([-0.105, -0.2, None], "log"), changes([-0.7, -2.0, 0.1], "log"), changes([0.25], "identity")
    (['-10.0%', '-18.1%', '-'], ['x0.497', 'x0.135', 'x1.11'], ['+0.25'])
    """
    known = [each for each in differences if each is not None]
    factors = max(map(abs, known), default=0.0) > _PERCENT
    return ["-" if each is None else _change(each, scale, factors=factors) for each in differences]


def _change(difference: float, scale: Scale, *, factors: bool) -> str:
    if scale == "identity":
        return f"{difference:+.3g}"
    if not factors:
        return f"{math.expm1(difference):+.1%}"
    return f"x{math.exp(difference):.3g}" if difference < 100 else "x>1e43"
