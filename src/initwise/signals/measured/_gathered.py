"""From passes to `Signals`: means over seeds, and what is unknown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from initwise.model import Parameter, Reading
from initwise.planning import Plan, Row
from initwise.signals._event import Event
from initwise.signals._row import ParameterSignal, SignalRow
from initwise.signals.measured._weights import Weight

Key = tuple[str, str, int, int]


@dataclass(frozen=True, eq=False)
class Seen:
    """What one pass shows, without its tensors."""

    events: tuple[Event, ...]
    weights: Mapping[str, Weight]
    outputs: tuple[int, ...]
    loss: float | None
    words: str


def rows(seen: Sequence[Seen]) -> tuple[SignalRow, ...]:
    """Return the rows of the first pass, with means over all that went the same way."""
    others = [_numbered(each.events) for each in seen[1:]]
    return tuple(
        _row(event, [event, *(each[key] for each in others if key in each)])
        for key, event in _numbered(seen[0].events).items()
    )


def parameters(seen: Sequence[Seen], reading: Reading, plan: Plan | None) -> dict[str, ParameterSignal]:
    """Return what all passes show of each parameter."""
    laws: dict[str, Row] = {} if plan is None else {row.name: row for row in plan}
    return {
        each.name: _parameter(each, [one.weights[each.name] for one in seen], laws.get(each.name))
        for each in reading.parameters
    }


def loss_of(seen: Sequence[Seen]) -> float | None:
    """Return the mean of the losses."""
    return _mean(each.loss for each in seen)


def geometric(values: Iterable[float | None]) -> float | None:
    """Return the geometric mean of second moments; the arithmetic one where some are zero and others are not.

    >>> geometric([1.0, 4.0]), geometric([0.0, 0.0]), geometric([0.0, 4.0]), geometric([None])
    (2.0, 0.0, 2.0, None)
    """
    known = [each for each in values if each is not None]
    if not known:
        return None
    if not all(0 < each < math.inf for each in known):
        return fmean(known)
    return known[0] if len(known) == 1 else math.exp(fmean(map(math.log, known)))


def spread(values: Iterable[float | None]) -> float | None:
    """Return the standard deviation of the logarithms of what is positive and finite; None for fewer than two."""
    logs = [math.log(each) for each in values if each is not None and 0 < each < math.inf]
    return stdev(logs) if len(logs) > 1 else None


def _numbered(events: Sequence[Event]) -> dict[Key, Event]:
    """Return events as `Signals.numbered` does rows."""
    counts: dict[tuple[str, str, int], int] = {}
    found = {}
    for event in events:
        key = (event.module, event.operation, event.call)
        place = counts[key] = counts.get(key, -1) + 1
        found[*key, place] = event
    return found


def _row(first: Event, alike: Sequence[Event]) -> SignalRow:
    finite = [each for each in alike if not (each.nan or each.infinite)]
    return SignalRow(
        first.index,
        first.module,
        first.operation,
        first.call,
        first.line,
        first.parameters,
        first.inputs,
        first.shape,
        mean=_mean(each.mean for each in finite),
        second_moment=geometric(each.second_moment for each in finite),
        grad_second_moment=geometric(each.grad_second_moment for each in alike),
        sample_correlation=_mean(each.sample_correlation for each in finite),
        token_correlation=_mean(each.token_correlation for each in finite),
        why=_why(alike),
        spread=spread(each.second_moment for each in finite),
        grad_spread=spread(each.grad_second_moment for each in alike),
        peak=max(each.peak for each in alike),
        nan=max(each.nan or 0 for each in alike),
        infinite=max(each.infinite or 0 for each in alike),
        units=first.units,
        dead=_mean(each.dead for each in alike),
        saturated=_mean(each.saturated for each in alike),
        histogram=first.histogram,
        effective_rank=_mean(each.effective_rank for each in alike),
    )


def _why(alike: Sequence[Event]) -> str:
    for each in alike:
        if each.nan or each.infinite:
            meant = ", as a mask means them to be" if each.designed and not each.nan else ""
            seeds = " under some seeds" if any(not (one.nan or one.infinite) for one in alike) else ""
            return f"{each.nan} elements are NaN and {each.infinite} are infinite{meant}{seeds}"
    return ""


def _parameter(parameter: Parameter, seen: Sequence[Weight], row: Row | None) -> ParameterSignal:
    optimizers = dict.fromkeys(optimizer for each in seen for optimizer in each.update_ratios)
    ratios = {each: geometric(one.update_ratios.get(each) for one in seen) for each in optimizers}
    arrived = [each for each in seen if each.has_gradient]
    return ParameterSignal(
        parameter.name,
        law=_law(row),
        second_moment=geometric(each.second_moment for each in seen),
        grad_second_moment=geometric(each.grad_second_moment for each in seen),
        why=_missing(seen, trained=parameter.requires_grad),
        grad_spread=spread(each.grad_second_moment for each in seen),
        grad_norm=geometric(each.grad_norm for each in seen),
        nan=max((each.nan or 0 for each in arrived), default=None),
        infinite=max((each.infinite or 0 for each in arrived), default=None),
        update_ratios={each: ratio for each, ratio in ratios.items() if ratio is not None},
        histogram=seen[0].histogram,
    )


def _law(row: Row | None) -> str:
    if row is None:
        return ""
    return "kept as it is" if row.kept else row.law.describe() if row.law is not None else ""


def _missing(seen: Sequence[Weight], *, trained: bool) -> str:
    """Return why a parameter's gradient is unknown."""
    if not trained:
        return "no gradient arrives: it is frozen (requires_grad is False)"
    if not any(each.has_gradient for each in seen):
        return "no gradient arrives: it takes no part in what the loss depends on"
    worst = max(seen, key=lambda each: (each.nan or 0) + (each.infinite or 0))
    if worst.nan or worst.infinite:
        return f"{worst.nan} elements of its gradient are NaN and {worst.infinite} are infinite"
    if any(each.second_moment is None for each in seen):
        return "its values are not all finite"
    return ""


def _mean(values: Iterable[float | None]) -> float | None:
    known = [each for each in values if each is not None]
    return fmean(known) if known else None
