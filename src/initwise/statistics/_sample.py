"""A sample: one tensor's values, measured once and only as far as they are asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from initwise.statistics._moments import Moments, moments

SOME = 2**14  # elements that shapes and outliers are judged by
_SPIKE = 10.0  # medians: seven sigma of a normal law
_LEAST = 1e-12


@dataclass(frozen=True, eq=False)
class Sample:
    """The values of one tensor, on any device; nothing is copied in full."""

    tensor: Tensor

    @cached_property
    def moments(self) -> Moments:
        """Count, extremes, mean and mean square of all elements, in one pass."""
        with np.errstate(over="ignore"):  # rubbish in memory may be as large as it likes
            return moments([self.tensor], 0.0)

    @property
    def count(self) -> int:
        """The number of elements; halves of complex ones count as two."""
        return self.tensor.numel() * (2 if self.tensor.is_complex() else 1)

    @property
    def finite(self) -> bool:
        """Every value is finite."""
        return not self.count or self.moments.finite

    @property
    def mean(self) -> float:
        """The mean; NaN where a value is not finite."""
        return self.moments.mean

    @property
    def std(self) -> float:
        """The standard deviation about the values' own mean; that of complex values over both halves."""
        found = math.sqrt(self.moments.variance)
        return found * math.sqrt(2) if self.tensor.is_complex() else found

    @property
    def largest(self) -> float:
        """The largest distance from zero."""
        return max(abs(self.moments.low), abs(self.moments.high))

    @property
    def constant(self) -> bool:
        """All values are one finite number."""
        return self.finite and self.count > 0 and self.moments.low == self.moments.high

    @property
    def zero(self) -> bool:
        """All values are zero."""
        return self.constant and self.moments.low == 0.0

    @cached_property
    def some(self) -> Tensor:
        """At most 16,384 of the values, evenly spread over memory, in float64 on the CPU."""
        flat = (torch.view_as_real(self.tensor) if self.tensor.is_complex() else self.tensor).detach().reshape(-1)
        step = -(-flat.numel() // SOME) or 1
        step += step % 2 == 0 and step > 1  # an odd step does not stay in one column of a matrix of even width
        return flat[::step].to("cpu", torch.float64)

    @cached_property
    def kurtosis(self) -> float:
        """E (w - mean)^4 / std^4 of `some`, spikes left out: 3 for a normal law, 1.8 for a uniform one."""
        centred = self.some - self.some.mean()
        centred = centred[centred.abs() <= _SPIKE * centred.abs().median()] if bool(centred.abs().median()) else centred
        variance = float(centred.square().mean())
        return float(centred.pow(4).mean()) / max(variance**2, _LEAST**4)

    @property
    def error(self) -> float:
        """The relative standard error of `std`: sqrt((kurtosis - 1) / (4 n))."""
        return math.sqrt(max(self.kurtosis - 1.0, 0.0) / (4 * max(self.count, 1)))
