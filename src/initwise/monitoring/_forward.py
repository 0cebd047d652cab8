"""Alerts about layers: dead, saturated, out of scale, collapsed, with gradients that explode or vanish."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from initwise.findings import Finding, found
from initwise.monitoring._frame import Frame, LayerRow
from initwise.monitoring._laws import drawn_from, weight_of
from initwise.monitoring._seen import Seen

_UNITS, _DEAD = 8, 0.75
_SATURATED = 0.5
_SPREAD = {
    "sigmoid": 3.0,
    "sigmoid_": 3.0,
    "special_expit": 3.0,
    "hardsigmoid": 2.0,
    "Sigmoid": 3.0,
    "Hardsigmoid": 2.0,
}
_OTHERS = 1.5  # of what goes in
_GROWN = 1e6
_RICH, _POOR = 8.0, 1.5  # effective ranks
_UNEVEN = 1e9


def dead(seen: Seen) -> Iterator[Finding]:
    """SIG501: most units before a ReLU are positive for no sample."""
    layers = _layers(seen.now)
    for row in seen.now.layers:
        if row.dead is None or row.units < _UNITS or row.dead < _DEAD or row.peak == 0.0 == _peak(layers, row.feeder):
            continue
        parameter, law = _blamed(row, layers, seen)
        alive = f"{1 - row.dead:.1%} of {place(row)} is alive"
        yield found(
            "SIG501",
            parameter,
            f"{alive}{_since(seen, row)}" + (f": {law}" if law else ""),
            f"{round(row.dead * row.units):,} of {row.units:,} units positive for no sample",
            "at most about half of the units, where all samples are alike",
        )


def saturated(seen: Seen) -> Iterator[Finding]:
    """SIG502: most of what tanh or its kin gives lies at its bounds, because what goes in varies too much."""
    layers = _layers(seen.now)
    for row in seen.now.layers:
        if row.saturated is None or row.saturated <= _SATURATED:
            continue
        if (row.deviation or 0.0) <= _SPREAD.get(row.operation, _OTHERS):
            continue
        parameter, law = _blamed(row, layers, seen)
        yield found(
            "SIG502",
            parameter,
            f"{row.saturated:.0%} of the output of {place(row)} lies at its bounds" + (f": {law}" if law else ""),
            f"std {row.deviation:.3g} before it",
            "a std near one before it",
        )


def drifted(seen: Seen) -> Iterator[Finding]:
    """TRN904: the second moment of an output is a million times what it was."""
    first = {_key(row): row for row in seen.frames[0].layers}
    for row in seen.now.layers:
        was = first.get(_key(row))
        if was is None or not was.second_moment or row.second_moment is None:
            continue
        growth = row.second_moment / was.second_moment
        if growth >= _GROWN:
            yield found(
                "TRN904",
                weight_of(row.parameters, seen.plan) or place(row),
                f"the output of {place(row)} has {math.sqrt(growth):.2g} times the size it had in step"
                f" {seen.frames[0].step}",
                f"E[x^2] {row.second_moment:.3g}, then {was.second_moment:.3g}",
                f"growth of E[x^2] below {_GROWN:g}",
            )


def collapsed(seen: Seen) -> Iterator[Finding]:
    """TRN905: samples spread over many directions at first, and over one now."""
    first = {_key(row): row for row in seen.frames[0].layers}
    for row in seen.now.layers:
        was = first.get(_key(row))
        if was is None or (was.effective_rank or 0.0) < _RICH:
            continue
        if row.peak == 0.0 or (row.effective_rank is not None and row.effective_rank < _POOR):
            rank = 0.0 if row.effective_rank is None else row.effective_rank
            yield found(
                "TRN905",
                weight_of(row.parameters, seen.plan) or place(row),
                f"the output of {place(row)} is the same for all samples",
                f"effective rank {rank:.2g}, in step {seen.frames[0].step} {was.effective_rank:.3g}",
                f"at least {_POOR:g}",
            )


def uneven(seen: Seen) -> Iterator[Finding]:
    """GRD603: from one end of the model to the other the gradient grows or shrinks a billion times."""
    layers = [row for row in seen.now.layers if row.parameters and row.call == 0]
    rows = [row for row in layers if row.grad_second_moment]  # squares of the smallest are zero in float32
    if len(rows) < 4:
        return
    first, last = rows[0], rows[-2]
    factor = _energy(first) / _energy(last)
    if factor > _UNEVEN or factor < 1 / _UNEVEN:
        parameter = weight_of(layers[0].parameters, seen.plan)  # told once, wherever numbers become too small
        law = drawn_from(parameter, seen.plan)
        yield found(
            "GRD603",
            parameter,
            f"the gradient {'explodes' if factor > 1 else 'vanishes'} from {place(last)} back to {place(first)}"
            + (f": {law}" if law else ""),
            f"sum of squares {_energy(last):.2g} there, {_energy(first):.2g} here",
            f"a factor below {_UNEVEN:g}",
        )


def place(row: LayerRow) -> str:
    """Return a layer in words: its name, and the function where that is no module of its own."""
    if not row.module:
        return f"the model's {row.operation}"
    return row.module if row.operation[:1].isupper() else f"{row.module} ({row.operation})"


def _blamed(row: LayerRow, layers: Mapping[str, LayerRow], seen: Seen) -> tuple[str, str]:
    """Return the parameter that feeds a layer, and how it was drawn."""
    feeder = layers.get(row.feeder)
    parameter = weight_of(feeder.parameters, seen.plan) if feeder is not None else ""
    return parameter or place(row), drawn_from(parameter, seen.plan)


def _since(seen: Seen, row: LayerRow) -> str:
    """Say that it was otherwise at first, where it was: then training did it, and not the initialization alone."""
    was = next((each for each in seen.frames[0].layers if _key(each) == _key(row)), None)
    if was is None or was.dead is None or was.dead >= _DEAD / 2:
        return ""
    return f", of which {1 - was.dead:.1%} was in step {seen.frames[0].step}"


def _layers(frame: Frame) -> dict[str, LayerRow]:
    return {row.module: row for row in reversed(frame.layers) if row.parameters}


def _peak(layers: Mapping[str, LayerRow], name: str) -> float:
    return layers[name].peak if name in layers else -1.0


def _key(row: LayerRow) -> tuple[str, int, str]:
    return row.module, row.call, row.operation


def _energy(row: LayerRow) -> float:
    return (row.grad_second_moment or 0.0) * math.prod(row.shape)
