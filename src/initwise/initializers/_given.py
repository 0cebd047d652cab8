"""`Given`: values that are known, one by one: a bias that a data set gives, the shift of a channel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from initwise._arguments import Arguments
from initwise.errors import ArgumentError
from initwise.initializers._base import Initializer
from initwise.initializers._invariants import Invariant
from initwise.initializers._law import Law, short
from initwise.initializers._stream import Stream
from initwise.initializers._target import Target

MOST = 2**16  # a plan is a text; what is larger belongs into a checkpoint
_SHOWN = 16  # values that a repr spells out


@dataclass(frozen=True)
class Listed(Invariant):
    """The values, in row-major order, are exactly these numbers, rounded as `Given` rounds them."""

    values: tuple[float, ...]

    def check(self, values: Tensor) -> str | None:
        """Compare every value with its number."""
        if values.numel() != len(self.values):
            return f"there are {values.numel()} values, allowed are {len(self.values)}"
        wrong = values != rounded(self.values, values.dtype).reshape(values.shape).to(values.device)
        count = int(wrong.sum())
        return f"{count} of {values.numel()} values differ from those that are given" if count else None

    def describe(self) -> str:
        """Return the property in words."""
        return f"the {len(self.values)} values are those that are given"


@dataclass(frozen=True, repr=False)
class Given(Initializer):
    """Exactly these values, in row-major order: a bias from class counts, the shift of each channel.

    For small vectors that data or a calculation gave; matrices belong into a checkpoint. They are stored in plans as
    they are, and written rounded to float32, then to the dtype (float64 parameters get them unrounded).

    Args:
        numbers: one number, or a sequence, array or tensor of at most 65,536; as many as the parameter has elements.

    Raises:
        ArgumentError: there are no numbers, too many, or some that are not finite; for a target, another number of
            elements, or values beyond the range of its dtype.

    >>> import initwise as iw
    >>> iw.Given((-0.7, -1.6, -1.2))
    Given((-0.7, -1.6, -1.2))
    """

    numbers: float | Sequence[float] | Tensor

    def __post_init__(self) -> None:
        check = Arguments("Given")
        listed = flattened(self.numbers)
        several = listed if isinstance(listed, tuple) else (listed,)
        if not 1 <= len(several) <= MOST:
            check.refuse(f"numbers holds {len(several):,} values; allowed are 1 to {MOST:,}")
        found = tuple(check.number("numbers", each) for each in several[:MOST])
        check.done()
        self._store(numbers=found)

    @property
    def listed(self) -> tuple[float, ...]:
        """The numbers, always as a tuple."""
        return cast("tuple[float, ...]", self.numbers)

    def part(self, shape: Sequence[int], axis: int, start: int, stop: int) -> Given:
        """Return what a block gets that is cut along an axis of a parameter of this shape."""
        if math.prod(shape) != len(self.listed):
            return self
        whole = np.asarray(self.listed, np.float64).reshape(tuple(shape))
        return Given(tuple(whole.take(range(start, stop), axis).ravel().tolist()))

    def __repr__(self) -> str:
        if len(self.listed) <= _SHOWN:
            return f"Given({self.listed!r})"
        return f"Given(<{len(self.listed)} numbers {short(min(self.listed))} to {short(max(self.listed))}>)"

    def _law(self, target: Target) -> Law:
        self._check(target)
        found = np.asarray(self.listed, np.float64)
        low, high, mean = (float(each) for each in (found.min(), found.max(), found.mean()))
        ends = (min(low, 0.0), max(high, 0.0)) if target.is_complex else (low, high)
        centred = found - mean
        fourth = float((centred**4).mean())
        words = short(low) if low == high else f"{short(low)} to {short(high)}"
        text = f"{words}, given" if low == high else f"{len(found)} given numbers, {words}"
        mean = min(max(mean, low), high)  # the mean of equal numbers may round away from them
        return Law(mean, float(found.std()), ends, None, fourth, (Listed(self.listed),), "given", False, text)

    def _values(self, target: Target, stream: Stream) -> Tensor:
        self._check(target)
        return rounded(self.listed, target.dtype).reshape(target.shape)

    def _check(self, target: Target) -> None:
        if math.prod(target.shape) != len(self.listed):
            raise ArgumentError(
                f"{self!r}: the shape {target.shape} has {math.prod(target.shape):,} elements, and "
                f"{len(self.listed):,} numbers are given; give one for each element"
            )
        largest, most = torch.finfo(target.dtype).max, max(map(abs, self.listed))
        if most > largest:
            raise ArgumentError(
                f"{self!r}: the largest {target.dtype} number is {largest:.6g}, and {most:.6g} is given. Use smaller "
                "values or a wider dtype"
            )


def rounded(numbers: Sequence[float], dtype: torch.dtype) -> Tensor:
    """Return numbers in a dtype, by way of float32 unless it is wider."""
    exact = torch.tensor(numbers, dtype=torch.float64, device="cpu")
    wide = dtype in {torch.float64, torch.complex128}
    return (exact if wide else exact.float()).to(dtype)


def flattened(value: Any) -> Any:
    """Return a sequence, array or tensor of numbers as one flat tuple; anything else as it is."""
    if isinstance(value, Tensor):
        value = value.detach().to("cpu", torch.float64).numpy()
    if isinstance(value, np.ndarray):
        return tuple(value.ravel().tolist()) if value.ndim else value.item()
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else value
