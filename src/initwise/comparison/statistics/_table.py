"""Verdicts as cells of a table."""

from __future__ import annotations

import math

from initwise.comparison.statistics._contender import Contender
from initwise.comparison.statistics._divergence import Divergence
from initwise.comparison.statistics._losses import Scale
from initwise.comparison.statistics._summaries import InterquartileMean


def rows_of(
    fate: Divergence, mean: InterquartileMean, said: Contender | None, word: str, scale: Scale
) -> tuple[str, ...]:
    """Return the cells of one strategy; without a verdict it is the reference, whose verdict is `word`."""
    middle = "-" if mean.value is None else f"{mean.value:.4g}"
    diverged = f"{fate.diverged}/{fate.runs}" if fate.diverged else "-"
    if said is None:
        return (fate.strategy, word, middle, "", "", "", diverged, "")
    interval = " to ".join(change(end, scale) for end in said.interval) if said.interval else "-"
    difference = "-" if said.difference is None else change(said.difference, scale)
    wins = f"{said.improvement.value:.0%}"
    return (fate.strategy, said.verdict, middle, difference, interval, wins, diverged, said.reason)


def change(difference: float, scale: Scale) -> str:
    """Return a difference of losses in words: of logarithms as a share, or as a factor where it is large.

    >>> change(-0.105, "log"), change(3.0, "log"), change(-3.0, "log"), change(0.25, "identity")
    ('-10.0%', 'x20.1', 'x0.0498', '+0.25')
    """
    if scale == "identity":
        return f"{difference:+.3g}"
    if abs(difference) < math.log(2):
        return f"{math.expm1(difference):+.1%}"
    return f"x{math.exp(difference):.3g}" if difference < 100 else "x>1e43"
