"""One part of a parameter against the law that was planned for it: support, invariants, mean and std."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from initwise.initializers import Equal, Law
from initwise.model import Parameter
from initwise.planning import Part, Row
from initwise.statistics import Moments, mean_interval, moments, square_interval
from initwise.writing import part_of, tolerance

_MARGIN = 0.02  # of the std: what is off by less is no difference, however surely it can be measured


class Found(NamedTuple):
    """What one part showed: its moments (of complex values those of the halves), what is off, the std allowed."""

    moments: Moments
    off: list[str]
    allowed: str = ""


def measure(part: Part, values: Sequence[Tensor], alpha: float, slack: float) -> Found:
    """Hold a part against its law; `slack` is how far a parametrization may be off, as a part of the largest value."""
    law = part.law.half() if part.law is not None and part.target.is_complex else part.law
    found = moments(values, law.mean, law.std) if law else moments(values, 0.0)
    if not found.count or law is None:
        return Found(found, [])
    if not found.finite:
        return Found(found, ["its values are not all finite"])
    slack *= max(abs(found.low), abs(found.high))
    off = [*_support(law, found, slack), *_invariants(law, values, found, slack)]
    drawn = _drawn(law, values, found)
    if drawn is None:
        return Found(found, off)
    said, allowed = _statistics(*drawn, alpha, part.target.dtype)
    return Found(found, off + said, allowed)


def is_testable(part: Part, slack: float) -> bool:
    """Tell whether anything of the part's law can be held against values."""
    law = part.law
    fixed = law is not None and bool(law.invariants) and (not slack or law.std == 0)
    return law is not None and (law.iid or law.nonzero is not None or fixed)


def slack_of(held: Parameter) -> float:
    """Return how far values may be off that a parametrization computes, as a part of the largest."""
    return tolerance(held.dtype) if held.way is not None and held.way.inverse else 0.0


def pieces(values: Tensor, part: Part, row: Row) -> list[Tensor]:
    """Return a part without the padding row, whose zeros are not drawn."""
    view = part_of(values, part)
    if row.padding is None:
        return [view]
    inside = row.padding % row.shape[0] - (part.start if part.axis == 0 else 0)
    return [view[:inside], view[inside + 1 :]] if 0 <= inside < view.shape[0] else [view]


def padding(row: Row, values: Tensor) -> Iterator[str]:
    """Say where a padding row is not zero."""
    known = row.padding is not None and values.shape == row.shape
    if known and row.is_written(row.padding or 0) and bool(torch.count_nonzero(values[row.padding])):
        yield f"the padding row {row.padding} is not zero"


def _support(law: Law, found: Moments, slack: float) -> Iterator[str]:
    low, high = law.support
    if law.iid and (found.low < low - slack or found.high > high + slack) and law.std:
        yield f"values lie outside [{low:.6g}, {high:.6g}]"


def _invariants(law: Law, values: Sequence[Tensor], found: Moments, slack: float) -> Iterator[str]:
    for invariant in law.invariants:
        if slack and isinstance(invariant, Equal):
            holds = max(abs(found.low - invariant.value), abs(found.high - invariant.value)) <= slack
        else:
            holds = bool(slack) or not any(piece.numel() and invariant.check(piece) for piece in values)
        if not holds:
            yield f"asked was: {invariant.describe()}"


def _drawn(law: Law, values: Sequence[Tensor], found: Moments) -> tuple[Law, Moments] | None:
    """Return the law of independent draws among the values, and their moments."""
    if law.iid:
        return (law, found) if law.std else None
    if law.nonzero is None:
        return None
    measured = moments([piece[piece != 0] for piece in values], law.nonzero.mean, law.nonzero.std)
    return (law.nonzero, measured) if measured.count and law.nonzero.std else None


def _statistics(law: Law, found: Moments, alpha: float, dtype: torch.dtype) -> tuple[list[str], str]:
    rounding = _rounding(law, dtype)
    low, high = mean_interval(law, found.count, alpha)
    mean_off = not low - rounding <= found.mean <= high + rounding
    off = []
    if mean_off and abs(found.mean - law.mean) > _MARGIN * law.std:
        off.append(f"the mean is {found.mean:.4g}, allowed {low:.4g} to {high:.4g}")
    least, most = square_interval(law, found.count, alpha)
    std, spare = math.sqrt(found.square), rounding**2
    least, most = math.sqrt(max(0.0, least - spare)), math.sqrt(most + spare)
    allowed = f"allowed std {least:.4g} to {most:.4g}"
    if not least <= std <= most and abs(std / law.std - 1) > _MARGIN:
        off.append(f"the std is off, {allowed}")
    return off, allowed


def _rounding(law: Law, dtype: torch.dtype) -> float:
    """Return how far rounding may shift a mean: values that are close together, far from zero, fall on few numbers."""
    step = max(torch.finfo(dtype).eps, torch.finfo(torch.float32).eps)
    return step * (abs(law.mean) / 2 + law.std / 4)
