"""The instrument of `measure`: moments, correlations, what is not finite, histograms, effective rank."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from initwise.signals._instrument import Instrument, Numbers
from initwise.signals._moments import plain, second_moment, summary
from initwise.signals.measured._histogram import counted, finite_bounds, histogram
from initwise.signals.measured._rank import effective_rank, gram


class Look(Instrument):
    """Looks at outputs in a few passes over their memory."""

    def __init__(self, bins: int) -> None:
        self._bins = bins  # of histograms; 0 for none

    def given(self, tensor: Tensor) -> Numbers:
        """Measure nothing: rows tell about outputs."""
        return {}

    def output(self, tensor: Tensor, axis: int) -> Numbers:
        """Measure what an operation makes."""
        values = plain(tensor)
        low, high = torch.aminmax(values)
        found: Numbers = {"peak": torch.maximum(-low, high)}
        moments = summary(values, axis)
        if not bool(torch.isfinite(moments.second_moment)):
            found |= {"nan": values.isnan().sum(), "infinite": values.isinf().sum()}
            low, high = finite_bounds(values)
            moments = summary(values.double(), axis)
        found |= {name: number for name, number in moments._asdict().items() if number is not None}
        if self._bins:
            found["histogram"] = counted(values, low, high, self._bins)
        products = gram(values, axis)
        return found if products is None else found | {"effective_rank": products}

    def gradient(self, tensor: Tensor) -> Numbers:
        """Measure the gradient that arrives at an operation's output."""
        return {"grad_second_moment": second_moment(plain(tensor))}

    def told(self, numbers: Mapping[str, Any]) -> dict[str, Any]:
        """Return fields of `Event`."""
        found = dict(numbers)
        found["nan"], found["infinite"] = int(found.get("nan", 0)), int(found.get("infinite", 0))
        for name in ("sample_correlation", "token_correlation"):
            found[name] = _known(found.get(name))
        if "histogram" in found:
            found["histogram"] = histogram(found["histogram"], found["nan"], found["infinite"])
        if "effective_rank" in found:
            found["effective_rank"] = effective_rank(found["effective_rank"])
        return found


def _known(number: float | None) -> float | None:
    """Return a number; None where it is 0 / 0, as a correlation of zeros."""
    return None if number is None or math.isnan(number) else number
