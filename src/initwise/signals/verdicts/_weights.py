"""What is known of each parameter: its scale, its law in words, its role and its fans; from plan, reading, signals."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from initwise.axes import Axes
from initwise.errors import InitwiseError
from initwise.fans import fans, torch_fans
from initwise.initializers import Law
from initwise.model import Parameter, Reading
from initwise.model.graph._vocabulary import LOOKUPS, NORMS
from initwise.planning import Plan, Row
from initwise.shards import local
from initwise.signals._row import SignalRow
from initwise.signals._signals import Signals
from initwise.signals.verdicts._usual import usual
from initwise.statistics import Sample

MATRICES = frozenset({"weight", "recurrent"})


@dataclass(frozen=True, slots=True)
class Weight:
    """One parameter, as far as it is known.

    Attributes:
        name: its canonical name.
        role: as in `initwise.model.Role`; guessed from the operation where neither plan nor reading says it.
        square: E[w^2] of its values.
        mean, std: of its values; where only E[w^2] is known, the mean counts as zero.
        error: the relative standard error of `std`; 0 where a law is declared.
        law: in words.
        shape: () where unknown.
        fan_in, fan_out: the true fans; None where unknown.
        torch_in, torch_out: the fans that `torch.nn.init` counts on the bare shape.
        groups: of a grouped convolution.
        neutral: the value with which a norm's weight does nothing.
        packed: it packs several blocks.
        trained: it receives gradients.
        usual: the std that `auto` would give it; None where no pass was traced, or it has no say.
        bound: of a uniform law around zero; None for other laws and where only values are known.
    """

    name: str
    role: str
    square: float
    mean: float
    std: float
    error: float
    law: str
    shape: tuple[int, ...] = ()
    fan_in: float | None = None
    fan_out: float | None = None
    torch_in: float | None = None
    torch_out: float | None = None
    groups: int = 1
    neutral: float | None = None
    packed: bool = False
    trained: bool = True
    usual: float | None = None
    bound: float | None = None

    @property
    def zero(self) -> bool:
        """Whether it holds zeros only, which start a branch as nothing: that is meant."""
        return self.square == 0.0

    @property
    def count(self) -> int:
        """The number of its elements; 0 where unknown."""
        return math.prod(self.shape) if self.shape else 0


def weights(signals: Signals, plan: Plan | None, reading: Reading | None) -> dict[str, Weight]:
    """Return what is known of each parameter that took part, by canonical name."""
    users: dict[str, SignalRow] = {}
    elsewhere = usual(reading)
    for row in signals.rows:
        for name in row.parameters:
            users.setdefault(name, row)
    rows = {each.name: each for each in plan} if plan is not None else {}
    found = (each for name, row in users.items() for each in _known(name, row, signals, rows.get(name), reading))
    return {each.name: replace(each, usual=elsewhere.get(each.name)) for each in found}


def _known(
    name: str, row: SignalRow, signals: Signals, decided: Row | None, reading: Reading | None
) -> Iterator[Weight]:
    parameter = reading[name] if reading is not None and name in reading else None
    moments = _moments(name, signals, decided, parameter)
    if moments is None:
        return
    square, mean, error = moments
    shape, axes = _form(decided, parameter)
    law = decided.law.describe() if decided is not None and decided.law is not None and not decided.kept else ""
    std = math.sqrt(max(square - mean**2, 0.0))
    yield Weight(
        name,
        _role(row, name, decided, parameter),
        square,
        mean,
        std,
        error,
        law or f"std {std:.3g}" + (f", mean {mean:.3g}" if abs(mean) > std else ""),
        shape,
        *_fans(shape, axes, decided),
        groups=axes.groups if axes is not None else 1,
        neutral=parameter.usage.neutral if parameter is not None and parameter.usage is not None else None,
        packed=any(each is not None and each.blocks is not None for each in (decided, parameter)),
        trained=all(each is None or each.requires_grad for each in (decided, parameter)),
        bound=_bound(decided.law) if law and decided is not None else None,
    )


def _bound(law: Law | None) -> float | None:
    if law is None or law.name != "uniform" or law.support[0] != -law.support[1]:
        return None
    return law.support[1]


def _moments(
    name: str, signals: Signals, decided: Any, parameter: Parameter | None
) -> tuple[float, float, float] | None:
    """Return E[w^2], the mean, and the relative standard error of the std."""
    if decided is not None and decided.law is not None and not decided.kept:
        mean, std = decided.law.mean, decided.law.std
        return mean**2 + std**2, mean, 0.0
    if parameter is not None and not parameter.tensor.is_meta and parameter.numel():
        sample = Sample(local(parameter.values()))
        if sample.finite:
            return sample.mean**2 + sample.std**2, sample.mean, 0.0 if sample.zero else sample.error
    signal = signals.parameters.get(name)
    if signal is None or signal.second_moment is None or not math.isfinite(signal.second_moment):
        return None
    return signal.second_moment, 0.0, 0.0


def _form(decided: Any, parameter: Parameter | None) -> tuple[tuple[int, ...], Axes | None]:
    if parameter is not None:
        return parameter.shape, parameter.axes if parameter.axes is not None or decided is None else decided.axes
    return (decided.shape, decided.axes) if decided is not None else ((), None)


def _fans(
    shape: tuple[int, ...], axes: Axes | None, decided: Any
) -> tuple[float | None, float | None, float | None, float | None]:
    true: tuple[float | None, float | None] = (None, None)
    counted: tuple[float | None, float | None] = (None, None)
    if decided is not None and decided.fan_in is not None and decided.fan_out is not None:
        true = float(decided.fan_in), float(decided.fan_out)
    elif axes is not None:
        try:
            both = fans(shape, axes)
            true = float(both.fan_in), float(both.fan_out)
        except InitwiseError:
            pass
    if len(shape) > 1:
        bare = torch_fans(shape)
        counted = float(bare.fan_in), float(bare.fan_out)
    return *true, *counted


def _role(row: SignalRow, name: str, decided: Any, parameter: Parameter | None) -> str:
    known = (parameter.role if parameter is not None else None) or (decided.role if decided is not None else None)
    if known is not None:
        return str(known)
    last = name.rpartition(".")[2]
    if row.operation in NORMS:
        return "norm_bias" if "bias" in last else "norm_weight"
    if row.operation in LOOKUPS:
        return "embedding"
    if row.is_layer:
        return "bias" if "bias" in last else "recurrent" if "_hh" in last else "weight"
    return "bias" if "bias" in last else "scale"
