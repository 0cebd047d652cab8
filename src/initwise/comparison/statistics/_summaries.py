"""Summaries that need no model of the noise: the interquartile mean, and the probability of improvement."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from initwise.comparison.statistics._divergence import clopper_pearson
from initwise.comparison.statistics._losses import Loss, Losses

FEWEST = 8  # seeds: below, a quarter is not even two runs


@dataclass(frozen=True, slots=True)
class InterquartileMean:
    """The mean of the middle half of the losses, or None and the reason why there is none."""

    value: float | None
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The summary as plain data, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Improvement:
    """On what share of the seeds a contender has the lower loss, ties counted half, with its interval."""

    value: float
    interval: tuple[float, float]
    seeds: int

    def to_dict(self) -> dict[str, Any]:
        """The summary as plain data, for JSON."""
        return asdict(self)


def interquartile_mean(row: Sequence[Loss]) -> InterquartileMean:
    """Return the mean without the lowest and the highest quarter; a run that diverged counts as the highest.

    From eight seeds on. Agarwal et al., Deep Reinforcement Learning at the Edge of the Statistical Precipice, 2021.

    >>> interquartile_mean([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, None]).value
    4.5
    >>> interquartile_mean([1.0, 2.0]).reason
    '2 seeds, and a middle half needs at least 8'
    """
    if len(row) < FEWEST:
        return InterquartileMean(None, f"{len(row)} seeds, and a middle half needs at least {FEWEST}")
    values = sorted(math.inf if loss is None else loss for loss in row)
    cut = len(values) // 4
    middle = values[cut : len(values) - cut]
    if math.isinf(middle[-1]):
        return InterquartileMean(None, f"more than a quarter diverged: {sum(map(math.isinf, values))} of {len(row)}")
    return InterquartileMean(float(np.mean(middle)))


def improvement(losses: Losses, contender: str, reference: str, level: float = 0.05) -> Improvement:
    """Return the probability that the contender has the lower loss on the same seed; diverged is the worst.

    Seeds are pairs here, so this is the share of seeds, not of all combinations of runs as in Agarwal et al. 2021. The
    interval is Clopper's and Pearson's, from wins alone below and from wins and ties above.

    >>> improvement(Losses.of({"a": [1.0, 1.0, None, 1.0], "b": [0.5, 0.5, 2.0, 1.0]}), "b", "a").value
    0.875
    """
    pairs = list(zip(losses.row(contender), losses.row(reference), strict=False))
    ranks = [tuple(math.inf if loss is None else loss for loss in pair) for pair in pairs]
    wins, ties = sum(ours < theirs for ours, theirs in ranks), sum(ours == theirs for ours, theirs in ranks)
    low, _ = clopper_pearson(wins, len(pairs), level)
    _, high = clopper_pearson(wins + ties, len(pairs), level)
    return Improvement((wins + ties / 2) / len(pairs), (low, high), len(pairs))
