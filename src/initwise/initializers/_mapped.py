"""Laws that are a monotone map of a uniform number: drawn by the map, with moments by quadrature."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from initwise.errors import ArgumentError
from initwise.initializers._base import Initializer
from initwise.initializers._distributions import Array
from initwise.initializers._law import Law
from initwise.initializers._stream import Stream
from initwise.initializers._target import Target

_LEAST = 2.0**-53  # nodes nearer to 0 or 1 than this carry less than the rounding of a float64 sum


@dataclass(frozen=True)
class MappedCdf:
    """P(X <= x) of a mapped law; two are equal if their initializers are."""

    of: Mapped

    def __call__(self, x: Array) -> Array:
        return np.clip(self.of.below(np.asarray(x, np.float64)), 0.0, 1.0)


@dataclass(frozen=True, repr=False)
class Mapped(Initializer):
    """An initializer whose elements are f((w + 1/2) / 2**32) for the random words w, with a monotone f.

    f is computed in float64 and rounded to float32, then to the dtype, and never out of the support. Real dtypes only:
    what such values stand for (rates, time steps, gates) has no imaginary part.
    """

    @abstractmethod
    def map(self, u: Array) -> Array:
        """Return f(u) for u in (0, 1)."""

    @abstractmethod
    def below(self, x: Array) -> Array:
        """Return P(X <= x), which may leave [0, 1] beyond the support."""

    @abstractmethod
    def _range(self) -> tuple[float, float]:
        """The closed interval that f maps to."""

    @abstractmethod
    def _text(self) -> str:
        """The law in a few signs."""

    def _kinks(self) -> tuple[float, ...]:
        """Where in (0, 1) f stops being flat."""
        return ()

    def _law(self, target: Target) -> Law:
        self._refuse_complex(target)
        mean, std, fourth = self._moments()
        name = type(self).__name__
        return Law(mean, std, self._range(), MappedCdf(self), fourth, name=name, text=self._text())

    def _values(self, target: Target, stream: Stream) -> Tensor:
        self._refuse_complex(target)
        return self._inside(self.map(self._uniform(target, stream)), target)

    def _uniform(self, target: Target, stream: Stream, label: str = "") -> Array:
        """Return the numbers in (0, 1) that f is taken of."""
        found: Array = (stream.words(math.prod(target.shape), label).astype(np.float64) + 0.5) * 2.0**-32
        return found

    def _inside(self, values: Array, target: Target) -> Tensor:
        """Return values in the target's shape and dtype, none beyond the numbers of that dtype in the support."""
        rounded = torch.from_numpy(values.astype(np.float32)).reshape(target.shape).to(target.dtype)
        low, high = self._range()
        return rounded.clamp(-_at_most(-low, target.dtype), _at_most(high, target.dtype))

    def _moments(self) -> tuple[float, float, float]:
        """Return mean, std and fourth central moment."""
        u, weights = _nodes(self._kinks())
        values = self.map(u)
        mean = math.fsum(weights * values)
        square, fourth = (math.fsum(weights * (values - mean) ** power) for power in (2, 4))
        return mean, math.sqrt(square), fourth

    def _refuse_complex(self, target: Target) -> None:
        if target.is_complex:
            raise ArgumentError(
                f"{self!r}: the dtype is {target.dtype}; its values are real numbers, allowed are float16, bfloat16, "
                f"float32 and float64. Use Normal or Uniform for complex parameters"
            )


def _nodes(kinks: tuple[float, ...]) -> tuple[Array, Array]:
    """Return nodes and weights of tanh-sinh quadrature on (0, 1), piece by piece between the kinks.

    Takahasi, Mori, Double exponential formulas for numerical integration, 1974: logarithms at the ends do no harm.
    """
    pieces = list(_pieces((0.0, *kinks, 1.0)))
    nodes, weights = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    kept = (nodes >= _LEAST) & (nodes <= 1 - _LEAST)
    return nodes[kept], weights[kept] / weights[kept].sum()


def _pieces(ends: tuple[float, ...]) -> Iterator[tuple[Array, Array]]:
    t = np.linspace(-4.0, 4.0, 513)
    u = 1 / (1 + np.exp(-math.pi * np.sinh(t)))
    weights = math.pi * np.cosh(t) * u / (1 + np.exp(math.pi * np.sinh(t))) * (t[1] - t[0])
    for low, high in pairwise(ends):
        yield low + (high - low) * u, (high - low) * weights


def _at_most(value: float, dtype: torch.dtype) -> float:
    """Return the largest number of the dtype that is not above `value`."""
    if math.isinf(value):
        return value
    nearest = torch.tensor(value, dtype=torch.float64, device="cpu").to(dtype)
    if float(nearest) > value:
        nearest = torch.nextafter(nearest, torch.full_like(nearest, -math.inf))
    return float(nearest)
