"""What each parameter meets: its own moments, its gradient's, and how far first steps would take it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from initwise.model import Parameter, Reading
from initwise.signals._moments import Sheet, real, square, strided
from initwise.signals._row import Histogram
from initwise.signals.measured._histogram import counted, finite_bounds, histogram

_EPSILON = 1e-8  # Adam's, as torch has it
_MOST = 2**18  # elements of a gradient from which Adam's step is told


@dataclass(frozen=True)
class Weight:
    """What one pass shows of one parameter."""

    second_moment: float | None
    grad_second_moment: float | None = None
    grad_norm: float | None = None
    nan: int | None = None
    infinite: int | None = None
    update_ratios: Mapping[str, float] = field(default_factory=dict)
    histogram: Histogram | None = None

    @property
    def has_gradient(self) -> bool:
        """Whether a gradient arrived, finite or not."""
        return self.nan is not None


def weights(reading: Reading, gradients: Mapping[str, Tensor | None], rate: float, bins: int) -> dict[str, Weight]:
    """Return what a pass shows of each parameter."""
    sheet = Sheet()
    places = {}
    with torch.no_grad():
        for parameter in reading.parameters:
            numbers = _numbers(parameter, gradients.get(parameter.name), bins)
            places[parameter.name] = {name: sheet.note(number) for name, number in numbers.items()}
    read = sheet.read()
    return {name: _weight({each: read[place] for each, place in noted.items()}, rate) for name, noted in places.items()}


def _numbers(parameter: Parameter, gradient: Tensor | None, bins: int) -> dict[str, Tensor]:
    stored = _floating(parameter.tensor)
    values = _floating(parameter.values()) if parameter.parametrized else stored
    found = {"weight": _mean_square(stored), "values": _mean_square(values)}
    if bins and values.numel():
        found["histogram"] = counted(values, *_bounds(values), bins)
    if gradient is None:
        return found
    given = _floating(gradient)
    found["gradient"] = _mean_square(given)
    found["norm"] = (found["gradient"] * given.numel()).sqrt()
    if not bool(torch.isfinite(found["gradient"])):
        found |= {"nan": given.isnan().sum(), "infinite": given.isinf().sum()}
    some = strided(given, _MOST)
    found["adam"] = _mean_square(some / (some.abs() + _EPSILON))
    return found


def _floating(tensor: Tensor) -> Tensor:
    values = real(tensor)
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def _bounds(values: Tensor) -> tuple[Tensor, Tensor]:
    low, high = torch.aminmax(values)
    return (low, high) if bool(torch.isfinite(high - low)) else finite_bounds(values)


def _mean_square(values: Tensor) -> Tensor:
    """Return E[x^2], in double precision where single precision does not reach."""
    found = square(values) / max(values.numel(), 1)
    return found if bool(torch.isfinite(found)) else square(values.double()) / max(values.numel(), 1)


def _weight(read: Mapping[str, Any], rate: float) -> Weight:
    shown = histogram(read["histogram"], 0, 0) if "histogram" in read else None
    moment = _finite(read["values"])
    if "gradient" not in read:
        return Weight(moment, histogram=shown)
    return Weight(
        moment,
        _finite(read["gradient"]),
        _finite(read["norm"]),
        int(read.get("nan", 0)),
        int(read.get("infinite", 0)),
        _ratios(read["weight"], {"sgd": read["gradient"], "adam": read["adam"]}, rate),
        shown,
    )


def _ratios(weight: float, steps: Mapping[str, float], rate: float) -> dict[str, float]:
    """Return |step| / |weight| by optimizer: infinite from zeros, 0 where nothing moves; NaN has none.

    The step of SGD is rate * g, Adam's first one rate * g / (|g| + 1e-8).
    """
    found = {}
    for name, step in steps.items():
        if math.isfinite(step) and math.isfinite(weight):
            found[name] = rate * math.sqrt(step / weight) if weight else math.inf if step else 0.0
    return found


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
