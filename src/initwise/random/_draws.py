"""Element-wise draws: what to compute from the word of an element. Frozen, hashable, validated values."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.random._truncation import word_range

SMALLEST_SCALE = 1e-25  # no result is subnormal in float32 above it, so flush-to-zero changes nothing

_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class UniformDraw:
    """A uniform number on the closed interval [low, high]."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_numbers(self)
        if not self.low < self.high:
            raise ArgumentError(f"uniform: low is {self.low}, high is {self.high}, allowed is low < high; swap them?")
        _check_scale("uniform", "high - low", self.high - self.low)

    @property
    def support(self) -> tuple[float, float]:
        """The exact bounds of the values, inclusive."""
        return self.low, self.high


@dataclass(frozen=True, slots=True)
class NormalDraw:
    """A normal number."""

    mean: float
    std: float

    def __post_init__(self) -> None:
        _check_numbers(self)
        _check_scale("normal", "std", self.std)

    @property
    def support(self) -> tuple[float, float]:
        """The exact bounds of the values, inclusive."""
        return -math.inf, math.inf


@dataclass(frozen=True, slots=True)
class TruncatedNormalDraw:
    """A normal number of the given mean and sigma, given that it lies in mean + sigma * [low, high].

    `sigma` is the parent's; a bound may be infinite.
    """

    mean: float
    sigma: float
    low: float
    high: float

    def __post_init__(self) -> None:
        _check_numbers(self, may_be_infinite=("low", "high"))
        _check_scale("truncated normal", "sigma", self.sigma)
        if not self.low < self.high:
            raise ArgumentError(
                f"truncated normal: low is {self.low}, high is {self.high}, allowed is low < high; swap them?"
            )
        word_range(self.low, self.high)

    @property
    def support(self) -> tuple[float, float]:
        """The exact bounds of the values, inclusive."""
        return self.mean + self.low * self.sigma, self.mean + self.high * self.sigma


Draw = UniformDraw | NormalDraw | TruncatedNormalDraw

_OPERATIONS = {"UniformDraw": "uniform", "NormalDraw": "normal", "TruncatedNormalDraw": "truncated normal"}


def _check_numbers(draw: Draw, may_be_infinite: tuple[str, ...] = ()) -> None:
    """Turn every field into a float, or say which one cannot be a parameter in float32."""
    operation = _OPERATIONS[type(draw).__name__]
    for field in fields(draw):
        value = _number(operation, field.name, getattr(draw, field.name))
        if not (abs(value) <= _LARGEST or (field.name in may_be_infinite and math.isinf(value))):
            raise ArgumentError(
                f"{operation}: {field.name} is {value}, allowed is a finite number within float32's range "
                f"(at most {_LARGEST:.3g} in size); pass such a number"
            )
        object.__setattr__(draw, field.name, value)


def _number(operation: str, argument: str, value: Any) -> float:
    if not isinstance(value, (bool, str, bytes)):
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            pass
    raise ArgumentTypeError(
        f"{operation}: {argument} is {value!r} ({type(value).__name__}), allowed is a real number; pass a float"
    )


def _check_scale(operation: str, argument: str, value: float) -> None:
    if not SMALLEST_SCALE <= value <= _LARGEST:
        raise ArgumentError(
            f"{operation}: {argument} is {value}, allowed is {SMALLEST_SCALE} to {_LARGEST:.3g}; "
            "for a constant use a deterministic initializer"
        )
