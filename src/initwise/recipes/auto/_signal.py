"""What is carried along a graph for `auto`: the mean and the second moment of the elements of a tensor.

Where elements are a function of one Gaussian, the function itself is carried (a `Curve`), so that an activation is
integrated exactly, also one that is written out as `0.5 * x * (1 + tanh(...))` or `x * sigmoid(x)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from initwise.gains import normal_expectation

Function = Callable[[Tensor], Tensor]
_DIGITS = 10
_TERMS = 12
_LONGEST = 40  # a written-out activation takes about ten operations


@dataclass(frozen=True)
class Curve:
    """f(z) for z ~ N(0, variance), elements of the tensor `source`; equal keys are equal functions.

    `size` counts the operations that f is written with, each as often as it is evaluated; `together` is the correlation
    of z between two positions (pixels, tokens) of one sample.
    """

    source: int
    variance: float
    key: Any
    function: Function = field(compare=False, hash=False, repr=False)
    size: int = 1
    together: float = 0.0

    def moments(self) -> tuple[float, float]:
        """Return the mean and the second moment, by quadrature."""
        return _moments(_Keyed((self.variance, self.key), self.function, self.variance))

    def pair(self) -> float:
        """Return E f(u) f(v) for u, v ~ N(0, variance) of correlation `together`, from Hermite coefficients of f.

        E f(u) f(v) = sum_k a_k^2 rho^k with a_k = E f(z) He_k(z) / sqrt(k!); what is left beyond the last k is bounded
        by the second moment.
        """
        coefficients = _coefficients(_Keyed((self.variance, self.key, "pair"), self.function, self.variance))
        powers = [square * self.together**k for k, square in enumerate(coefficients)]
        rest = max(0.0, self.moments()[1] - sum(coefficients)) * self.together ** len(coefficients)
        return sum(powers) + rest


class Signal:
    """The moments of a tensor's elements, over samples, positions and units alike.

    Attributes:
        mean: E x.
        square: E x^2; NaN where a curve cannot be integrated.
        pair: E x_i x_j for two positions i and j of one sample: what averaging over positions leaves.
        curve: the function of one Gaussian that x is, where it is one; its moments are found when they are asked for.
    """

    def __init__(
        self, mean: float = 0.0, square: float = 0.0, curve: Curve | None = None, pair: float | None = None
    ) -> None:
        self._moments = (mean, square)
        self._pair = pair
        self._asked = curve is None
        self.curve = curve

    @property
    def mean(self) -> float:
        """E x."""
        return self._found()[0]

    @property
    def square(self) -> float:
        """E x^2."""
        return self._found()[1]

    @property
    def variance(self) -> float:
        """E x^2 - (E x)^2, never negative."""
        return max(0.0, self.square - self.mean**2)

    @property
    def pair(self) -> float:
        """E x_i x_j, between (E x)^2 and E x^2."""
        if self._pair is None:
            self._pair = self.curve.pair() if self.curve is not None else self.mean**2
        return min(max(self._pair, self.mean**2), self.square)

    def _found(self) -> tuple[float, float]:
        if not self._asked and self.curve is not None:
            self._moments, self._asked = self.curve.moments(), True
        return self._moments

    def scaled(self, factor: float) -> Signal:
        """Return the moments of `factor` times the tensor, without the curve."""
        return Signal(self.mean * factor, self.square * factor**2, pair=self.pair * factor**2)

    def bare(self) -> Signal:
        """Return the moments without the curve."""
        return Signal(self.mean, self.square, pair=self.pair)


def gaussian(value: int, square: float, together: float = 0.0) -> Signal:
    """Return the output of a weight's operation: Gaussian with mean zero, the source of what follows."""
    curve = Curve(value, square, "z", _itself, together=together)
    signal = Signal(0.0, square, curve, pair=square * together)
    signal._asked = True  # noqa: SLF001 - its moments need no quadrature
    return signal


def _itself(z: Tensor) -> Tensor:
    return z


def curve_of(value: int, signal: Signal) -> Curve:
    """Return the curve of a signal; one that has none is taken as Gaussian with its mean and variance."""
    if signal.curve is not None:
        return signal.curve
    mean = signal.mean
    shared = (signal.pair - mean**2) / signal.variance if signal.variance > 0 else 0.0
    return Curve(value, signal.variance, ("shifted", mean), lambda z: z + mean, together=min(1.0, max(0.0, shared)))


def from_curve(curve: Curve) -> Signal:
    """Return the signal of a curve, without the curve where that has grown long."""
    signal = Signal(curve=curve)
    return signal if curve.size <= _LONGEST else signal.bare()


def total(one: Signal, other: Signal) -> Signal:
    """Return the sum of two independent signals."""
    mean = one.mean + other.mean
    pair = one.pair + other.pair + 2 * one.mean * other.mean
    return Signal(mean, one.variance + other.variance + mean**2, pair=pair)


def product(one: Signal, other: Signal) -> Signal:
    """Return the product of two independent signals."""
    return Signal(one.mean * other.mean, one.square * other.square, pair=one.pair * other.pair)


def mixture(parts: list[tuple[Signal, int]]) -> Signal:
    """Return the elements of several signals side by side."""
    count = sum(size for _, size in parts)
    return Signal(
        sum(signal.mean * size for signal, size in parts) / count,
        sum(signal.square * size for signal, size in parts) / count,
        pair=sum(signal.pair * size for signal, size in parts) / count,
    )


class _Keyed:
    """A function that is cached by its key."""

    def __init__(self, key: Any, function: Function, variance: float) -> None:
        self.key, self.function, self.variance = key, function, variance

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Keyed) and self.key == other.key


@lru_cache(maxsize=4096)
def _moments(keyed: _Keyed) -> tuple[float, float]:
    if not math.isfinite(keyed.variance):
        return math.nan, math.nan
    try:
        mean, square = _integrated(keyed.function, math.sqrt(keyed.variance))
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError):
        return math.nan, math.nan
    return (_rounded(mean), _rounded(square)) if math.isfinite(square) else (math.nan, math.nan)


def _integrated(function: Function, spread: float) -> tuple[float, float]:
    with torch.device("cpu"), torch.no_grad():
        if spread == 0:
            value = float(function(torch.zeros(1, dtype=torch.float64)))
            return value, value**2
        mean = normal_expectation(lambda z: function(spread * z))
        return mean, normal_expectation(lambda z: function(spread * z) ** 2)


@lru_cache(maxsize=4096)
def _coefficients(keyed: _Keyed) -> tuple[float, ...]:
    """Return the squares of the first Hermite coefficients of a function, on a fine grid."""
    z = torch.linspace(-9.0, 9.0, 4001, dtype=torch.float64, device="cpu")
    weight = torch.exp(-z * z / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    try:
        with torch.device("cpu"), torch.no_grad():
            values = keyed.function(math.sqrt(keyed.variance) * z) * weight
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError):
        return (math.nan,)
    found = []
    before, now = torch.zeros_like(z), torch.ones_like(z)  # He_k / sqrt(k!)
    for k in range(_TERMS):
        found.append(float((values * now).sum()) ** 2)
        before, now = now, (z * now - math.sqrt(k) * before) / math.sqrt(k + 1)
    return tuple(found)


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}") if abs(value) > 1e-12 else 0.0
