"""Invariants: properties that drawn values have exactly, up to the rounding of their dtype."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from initwise.axes import Axes


class Invariant(ABC):
    """A property of one parameter's values that holds with certainty, not only on average."""

    @abstractmethod
    def check(self, values: Tensor) -> str | None:
        """Return None where it holds, else a sentence with what was measured and what is allowed."""

    @abstractmethod
    def describe(self) -> str:
        """Return the property in words."""


@dataclass(frozen=True)
class Equal(Invariant):
    """Every value is `value`, rounded once to the dtype."""

    value: float

    def check(self, values: Tensor) -> str | None:
        """Compare all values with the first, and that one with the number."""
        first = values.flatten()[0]
        wrong = values != first
        if bool(wrong.any()):
            return (
                f"{int(wrong.sum())} of {values.numel()} values differ from the first, such as {_first(values[wrong])}"
            )
        error = abs(complex(first.item()) - self.value)
        if error > spacing(self.value, values.dtype) / 2:
            return f"the values are {_first(values)}, allowed is {self.value} rounded to {values.dtype}"
        return None

    def describe(self) -> str:
        """Return the property in words."""
        return f"every value is {self.value}"


@dataclass(frozen=True)
class Pattern(Invariant):
    """The values are exactly those of a fixed pattern of zeros and ones: `identity` or `dirac`."""

    kind: str
    groups: int = 1

    def check(self, values: Tensor) -> str | None:
        """Compare every value with the pattern."""
        wrong = values != pattern(self.kind, tuple(values.shape), self.groups).to(values)
        if not bool(wrong.any()):
            return None
        return f"{int(wrong.sum())} of {values.numel()} values differ from the {self.kind} pattern of zeros and ones"

    def describe(self) -> str:
        """Return the property in words."""
        return f"the values are the {self.kind} pattern" + (f" in {self.groups} groups" if self.groups > 1 else "")


@dataclass(frozen=True)
class Orthonormal(Invariant):
    """The matrix (first axis, all others), or its transpose if it is wide, has orthogonal columns of length `gain`.

    With `batch` axes each of their indices holds a matrix of its own.
    """

    gain: float = 1.0
    batch: tuple[int, ...] = ()

    def check(self, values: Tensor) -> str | None:
        """Compare the inner products of the columns with gain^2 on the diagonal and 0 elsewhere."""
        return next((broken for matrix in matrices(values, self.batch) if (broken := self._broken(matrix))), None)

    def describe(self) -> str:
        """Return the property in words."""
        return f"orthogonal rows or columns of length {self.gain:.6g}"

    def _broken(self, matrix: Tensor) -> str | None:
        tall = matrix.to(_exact(matrix.dtype))
        tall = tall if tall.shape[0] >= tall.shape[1] else tall.mT
        tall = tall / self.gain  # before the product, which could overflow
        gram = tall.mH @ tall
        error = float((gram - torch.eye(gram.shape[0], dtype=gram.dtype, device=gram.device)).abs().max())
        allowed = tolerance(matrix.dtype)
        if error <= allowed:
            return None
        return f"inner products of the columns are off by {error:.3g} of gain², allowed are {allowed:.3g}"


@dataclass(frozen=True)
class CentreTap(Invariant):
    """A convolution kernel is zero but for its centre, where (out, in) has orthogonal columns of length `gain`."""

    gain: float = 1.0
    groups: int = 1

    def check(self, values: Tensor) -> str | None:
        """Check the zeros exactly and the centre up to rounding."""
        index: tuple[slice | int, ...] = (slice(None), slice(None), *(size // 2 for size in values.shape[2:]))
        centre = values[index]
        outside = int(torch.count_nonzero(values)) - int(torch.count_nonzero(centre))
        if outside:
            return f"{outside} values outside the kernel's centre are not zero"
        for matrix in centre.chunk(self.groups):
            broken = Orthonormal(self.gain).check(matrix)
            if broken:
                return f"at the kernel's centre, {broken}"
        return None

    def describe(self) -> str:
        """Return the property in words."""
        return f"zero but for the kernel's centre, which has orthogonal columns of length {self.gain:.6g}"


@dataclass(frozen=True)
class NonzerosPerUnit(Invariant):
    """Each output unit has exactly `count` incoming weights that are not zero."""

    count: int
    axes: Axes

    def check(self, values: Tensor) -> str | None:
        """Count the nonzero weights of every unit."""
        found = torch.count_nonzero(units(values, self.axes), dim=1)
        # A drawn weight that is tiny may round to zero in half precision, never the other way.
        missing = (self.count - found).clamp(min=0).sum() if values.dtype == torch.float16 else 0
        wrong = (found > self.count) if values.dtype == torch.float16 else (found != self.count)
        if not bool(wrong.any()) and int(missing) <= 1e-3 * self.count * len(found):
            return None
        return f"units have {int(found.min())} to {int(found.max())} nonzero incoming weights, allowed: {self.count}"

    def describe(self) -> str:
        """Return the property in words."""
        return f"{self.count} nonzero incoming weights per unit"


def matrices(values: Tensor, batch: Sequence[int] = ()) -> Tensor:
    """Return the values as (batch, first axis, product of the rest), in row-major order."""
    front = torch.movedim(values, tuple(batch), tuple(range(len(batch))))
    sizes = front.shape[len(batch) :]
    return front.reshape(prod(front.shape[: len(batch)]), sizes[0], prod(sizes[1:]))


def units(values: Tensor, axes: Axes) -> Tensor:
    """Return the values as (output units, incoming weights of the unit), each side in row-major order."""
    apart, sides = unit_axes(values, axes)
    return apart.reshape(prod(apart.shape[:sides]), -1)


def unit_axes(values: Tensor, axes: Axes) -> tuple[Tensor, int]:
    """Return a view of the values with the axes of the output units first, and how many axes those are."""
    roles = axes.normalized(values.shape)
    incoming = set(roles.fan_in) | set(roles.kernel)
    split = values
    if roles.groups > 1 and 0 in incoming:
        # Axis 0 runs over all groups and a unit sees only the inputs of its own: the group joins the units' side.
        split = values.unflatten(0, (roles.groups, -1))
        incoming = {axis + 1 for axis in incoming}
    order = [axis for axis in range(split.dim()) if axis not in incoming]
    return split.permute(*order, *sorted(incoming)), len(order)


def pattern(kind: str, shape: tuple[int, ...], groups: int = 1) -> Tensor:
    """Return the `identity` matrix of a shape, or the `dirac` kernel (out, in / groups, *kernel), in float64."""
    if kind == "identity":
        return torch.eye(*shape, dtype=torch.float64, device="cpu")
    per_group = shape[0] // groups
    taps = torch.eye(per_group, shape[1], dtype=torch.float64, device="cpu").repeat(groups, 1)
    centre = torch.zeros(shape[2:], dtype=torch.float64, device="cpu")
    index = tuple(size // 2 for size in shape[2:])
    centre[index] = 1.0
    return taps.reshape(*taps.shape, *[1] * centre.dim()) * centre


def tolerance(dtype: torch.dtype) -> float:
    """Return how far an inner product of orthonormal columns may be off after rounding to `dtype`."""
    return 2e-5 if dtype in {torch.float32, torch.complex64} else max(3 * torch.finfo(dtype).eps, 1e-12)


def spacing(value: float, dtype: torch.dtype) -> float:
    """Return the distance between neighbouring numbers of `dtype` around `value`.

    >>> spacing(1.5, torch.bfloat16)
    0.0078125
    """
    info = torch.finfo(dtype)
    size = max(abs(value), info.tiny)
    return info.eps * 2.0 ** (math.frexp(size)[1] - 1)


def _exact(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if dtype in {torch.float16, torch.bfloat16} else dtype


def _first(values: Tensor) -> float | complex:
    found: float | complex = values.flatten()[0].item()
    return found
