"""`LogRange`: the logarithms of 1, 2, ..., N along the last axis. Deterministic."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from initwise.errors import ArgumentError
from initwise.initializers._base import Initializer
from initwise.initializers._invariants import Invariant
from initwise.initializers._law import Law, short
from initwise.initializers._stream import Stream
from initwise.initializers._target import Target


@dataclass(frozen=True)
class Logarithms(Invariant):
    """Along the last axis the values are ln 1, ln 2, ..., ln N, to one unit in the last place of the dtype."""

    def check(self, values: Tensor) -> str | None:
        """Compare every value with its logarithm."""
        exact = logarithms(values.shape[-1], torch.float64).to(values.device)
        wrong = (values.double() - exact).abs() > torch.finfo(values.dtype).eps * exact
        if not bool(wrong.any()):
            return None
        return f"{int(wrong.sum())} of {values.numel()} values differ from ln(1 ... {values.shape[-1]})"

    def describe(self) -> str:
        """Return the property in words."""
        return "the values are ln 1, ln 2, ... along the last axis"


@dataclass(frozen=True, repr=False)
class LogRange(Initializer):
    """ln 1, ln 2, ..., ln N along the last axis, the same for every index of the others.

    Gu, Gupta, Goel, Ré, On the parameterization and initialization of diagonal state space models, 2022
    (arXiv:2206.11893): S4D-Real has the decays A = -1, ..., -N, and Mamba keeps them as `A_log` of shape (channels, N).

    Raises:
        ArgumentError: for a target without axes, or a complex one.
    """

    def _law(self, target: Target) -> Law:
        self._check(target)
        count = target.shape[-1]
        values = logarithms(count, torch.float64)
        mean, std = float(values.mean()), float(values.std(correction=0))
        top, text = math.log(count), f"ln(1 ... {short(count)})"
        return Law(mean, std, (0.0, top), None, None, (Logarithms(),), "log range", False, text)

    def _values(self, target: Target, stream: Stream) -> Tensor:
        self._check(target)
        return logarithms(target.shape[-1], target.dtype).expand(target.shape).clone()

    def _check(self, target: Target) -> None:
        if not target.shape or target.is_complex:
            raise ArgumentError(
                f"{self!r}: the shape is {target.shape} and the dtype {target.dtype}; allowed are real parameters with "
                f"at least one axis. Use Constant or Normal"
            )


def logarithms(count: int, dtype: torch.dtype) -> Tensor:
    """Return ln 1, ..., ln count, computed in float64 and rounded to float32 on the way to narrower dtypes."""
    exact = torch.tensor([math.log(n) for n in range(1, count + 1)], dtype=torch.float64, device="cpu")
    return exact if dtype == torch.float64 else exact.float().to(dtype)
