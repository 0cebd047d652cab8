"""What is measured of each operation: the instrument of `probe`, which others extend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from initwise.signals._call import Call
from initwise.signals._moments import peak, plain, second_moment, variation
from initwise.signals._units import bounds, dead_units, deviation, is_rectifier, saturated

Numbers = dict[str, Tensor]


class Instrument:
    """Measures tensors; its numbers are tensors that are read when the pass is over, by fields of `Event`."""

    def given(self, tensor: Tensor) -> Numbers:
        """Measure what an operation with parameters takes, where that is not all of another event's output."""
        values = plain(tensor)
        return {"second_moment": second_moment(values)} | _varied(values)

    def output(self, tensor: Tensor, axis: int) -> Numbers:
        """Measure what an operation makes."""
        values = plain(tensor)
        return {"second_moment": second_moment(values), "mean": values.mean(), "peak": peak(values)} | _varied(values)

    def gradient(self, tensor: Tensor) -> Numbers:
        """Measure the gradient that arrives at an operation's output."""
        return {"grad_second_moment": second_moment(plain(tensor))}

    def told(self, numbers: Mapping[str, Any]) -> dict[str, Any]:
        """Return fields of `Event` from the numbers that were read."""
        return dict(numbers)


def before_activation(call: Call, given: Tensor, axis: int) -> Numbers:
    """Measure how far a bounded activation is driven, before it may write over what it takes."""
    if bounds(call.name, call.argument) is None:
        return {}
    return {"deviation": deviation(plain(given), axis)}


def after_activation(call: Call, output: Tensor, axis: int) -> tuple[int, Numbers]:
    """Return how many units an activation of the ReLU family has, and the shares of what is dead and saturated."""
    found: Numbers = {}
    limits = bounds(call.name, call.argument)
    if limits is not None:
        found["saturated"] = saturated(plain(output), *limits)
    if output.dim() < 2 or not is_rectifier(call.name, call.argument):
        return 0, found
    units, found["dead"] = dead_units(plain(output), axis)
    return units, found


def _varied(values: Tensor) -> Numbers:
    varied = variation(values)
    return {} if varied is None else {"variation": varied}
