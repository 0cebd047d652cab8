"""What the sizes of updates, the losses and the flight recorder say of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import mean, median

from initwise.monitoring._flight import Flight
from initwise.monitoring._frame import Frame
from initwise.monitoring._seen import Seen
from initwise.monitoring._suggestion import Change

_FAST, _SLOW = 0.1, 5e-5  # medians of |update| / |weight|
_BELOW, _ABOVE = 1e-2, 1e-3  # where to come out from too fast, from too slow
_BROKEN = 0.1  # the factor after values that were not finite
_FELL = 0.05  # of the loss: a run that goes on like this is not too slow
_SETTLED = 3  # sampled steps before a median counts


def rate(seen: Seen, flight: Flight | None, *, lawful: bool) -> tuple[float, str]:
    """Return the factor of the learning rate, and why: 1.0 where it may stay.

    Where a law is to be changed (not `lawful`) nothing is said: a step is large or small for the weights, and those
    will be others.
    """
    if not lawful:
        return 1.0, ""
    medians = _medians(seen)
    peaks = sorted(medians)[-2:]
    said = "the median of |update| / |weight| over matrices is"
    fast = len(peaks) == 2 and peaks[0] > _FAST and math.isfinite(peaks[0])
    factor = _rounded(_BELOW / peaks[0]) if fast else 1.0
    if flight is not None and flight.step != seen.frames[0].step:
        return min(factor, _BROKEN), f"step {flight.step}: {flight.where}, and the first frames were sound"
    if fast:
        return factor, f"{said} {peaks[0]:.2g} and more in two steps"
    if len(medians) < _SETTLED:
        return 1.0, ""
    middle = median(medians[1:])
    if not 0.0 < middle < _SLOW or _rises(seen.frames) or _falls(seen.frames):
        return 1.0, ""
    return _rounded(_ABOVE / middle), f"{said} {middle:.2g}, and the loss stands"


def change(seen: Seen, factor: float, why: str) -> Change:
    """Return the change of the learning rate."""
    now = next((frame.rate for frame in reversed(seen.frames) if frame.rate), None)
    old, new = ("1", f"times {factor:g}") if now is None else (f"{now:.3g}", f"{now * factor:.3g}")
    return Change("learning rate", "", old, new, why)


def _medians(seen: Seen) -> list[float]:
    """Return, step by step, the median over matrices, but those from zero: any step is large for them."""
    zero = {row.name for row in seen.frames[0].parameters if row.rms == 0.0}
    found = []
    for frame in seen.frames:
        ratios = [
            row.update_ratio
            for row in frame.parameters
            if row.name in seen.matrices and row.name not in zero and row.update_ratio is not None
        ]
        if ratios and not frame.skipped:
            found.append(median(ratios))
    return found


def _rises(frames: Sequence[Frame]) -> bool:
    """Tell whether the rate is still warmed up: low now, and meant to be."""
    rates = [frame.rate for frame in frames if frame.rate is not None][-2:]
    return len(rates) == 2 and rates[1] > rates[0]


def _falls(frames: Sequence[Frame]) -> bool:
    """Tell whether the loss fell, from the first third of the frames to the last."""
    losses = [frame.loss for frame in frames if frame.loss is not None and math.isfinite(frame.loss)]
    third = len(losses) // 3
    return third > 0 and mean(losses[-third:]) < mean(losses[:third]) - _FELL * abs(mean(losses[:third]))


def _rounded(factor: float) -> float:
    """Return a factor with one digit."""
    factor = min(max(factor, 1e-3), 1e3)
    digit = 10.0 ** math.floor(math.log10(factor))
    return float(f"{round(factor / digit) * digit:.1g}")
