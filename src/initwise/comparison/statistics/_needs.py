"""How many seeds would decide what is undecided."""

from __future__ import annotations

import math

import numpy as np

from initwise.comparison.statistics._family import Test, attained
from initwise.comparison.statistics._paired import Paired
from initwise.comparison.statistics._power import WANTED
from initwise.comparison.statistics._student import spread, t_power, tost_power

_SIZES = np.unique(np.concatenate((np.arange(2, 65), np.geomspace(64, 10_000, 64).round())).astype(np.int64))


def seeds_to_decide(pair: Paired, margin: float | None, level: float, test: Test) -> int | None:
    """Return how many seeds would show a difference or equivalence with 80 %, if mean and spread stay as they are.

    None where more than 10,000 would, or where there are too few scores to tell a spread. Exact up to 64 seeds, in
    steps of 8 % beyond; what it is worth is that of mean and spread from the seeds that ran.
    """
    scores = pair.scored
    if len(scores) < 2:
        return None
    sizes = _SIZES[len(scores) < _SIZES]
    steps = [attained(int(size), level, test) for size in sizes]
    halves = [attained(int(size) + 1, level, test) for size in sizes]  # one-sided p-values come in half the steps
    mean, deviation = abs(float(np.mean(scores))), spread(scores)
    allowed = None if pair.discordant else margin
    if deviation:
        enough = t_power(sizes, mean / deviation, steps) >= WANTED
        if allowed is not None:
            enough |= tost_power(sizes, mean / deviation, allowed / deviation, halves) >= WANTED
    else:
        enough = np.asarray(steps if mean else halves) > (0.0 if mean or allowed else math.inf)
    if not enough.any():
        return None
    return math.ceil(int(sizes[enough.argmax()]) * pair.seeds / len(scores))
