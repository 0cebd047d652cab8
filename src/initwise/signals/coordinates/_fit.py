"""Slopes of log moments against log size, their t-interval over seeds, and what that decides."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, linear_regression, stdev

from initwise.signals.coordinates._row import Standing

_MOST = 10_000  # seeds; beyond them a slope counts as lying on the edge


@dataclass(frozen=True, slots=True)
class Fit:
    """What the values of one activation at one step show; the fields are those of `Coordinate`."""

    verdict: Standing
    slopes: tuple[float, ...] = ()
    slope: float | None = None
    low: float | None = None
    high: float | None = None
    seeds_needed: int | None = None
    why: str = ""


def fitted(
    values: Mapping[tuple[int, int], float], sizes: Sequence[int], seeds: int, confidence: float, tolerance: float
) -> Fit:
    """Fit log value = a + slope * log size for each seed, and compare the interval of the mean slope with ±tolerance.

    Args:
        values: by (size, seed); one that was not measured is missing.
    """
    runs = [(size, seed) for seed in range(seeds) for size in sizes]
    wrong = next((run for run in runs if run in values and not math.isfinite(values[run])), None)
    if wrong is not None:
        return Fit("diverged", why=f"{values[wrong]} at size {wrong[0]}, seed {wrong[1]}")
    missing = next((run for run in runs if run not in values), None)
    if missing is not None:
        return Fit(
            "undecided", why=f"not there, or of another shape than at first, at size {missing[0]}, seed {missing[1]}"
        )
    zeros = [run for run in runs if values[run] == 0]
    if len(zeros) == len(runs):
        return Fit("zero", why="exactly zero in every run")
    if zeros:
        return Fit("undecided", why=f"exactly zero at size {zeros[0][0]}, seed {zeros[0][1]}, and not everywhere")
    slopes = tuple(_slope(sizes, [values[size, seed] for size in sizes]) for seed in range(seeds))
    return _judged(slopes, confidence, tolerance)


def _slope(sizes: Sequence[int], values: Sequence[float]) -> float:
    """Return the slope of the least squares line through (log size, log value)."""
    return linear_regression([math.log(size) for size in sizes], [math.log(value) for value in values]).slope


def _judged(slopes: tuple[float, ...], confidence: float, tolerance: float) -> Fit:
    slope, spread = fmean(slopes), stdev(slopes)
    half = _half(spread, len(slopes), confidence)
    low, high = slope - half, slope + half
    if -tolerance <= low and high <= tolerance:
        verdict: Standing = "stable"
    elif low > tolerance or high < -tolerance:
        verdict = "grows" if slope > 0 else "shrinks"
    else:
        verdict = "undecided"
    needed = _needed(abs(abs(slope) - tolerance), spread, len(slopes), confidence) if verdict == "undecided" else None
    return Fit(verdict, slopes, slope, low, high, needed)


def _half(spread: float, count: int, confidence: float) -> float:
    """Return half the width of the t-interval of a mean."""
    from scipy.special import stdtrit

    return float(stdtrit(count - 1, (1 + confidence) / 2)) * spread / math.sqrt(count)


def _needed(distance: float, spread: float, count: int, confidence: float) -> int | None:
    """Return how many seeds would keep the interval on one side of the edge that is `distance` away."""
    if _half(spread, _MOST, confidence) > distance:
        return None
    low, high = count, _MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _half(spread, middle, confidence) <= distance else (middle, high)
    return high
