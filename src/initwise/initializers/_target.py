"""`Target`: what an initializer may know of the parameter (or the block of one) that it draws for."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from initwise.axes import Axes
from initwise.errors import ArgumentError, FanError
from initwise.fans import Fans, fans

# The real dtype that each writable dtype's elements (or, for complex ones, their halves) are computed in.
_COMPUTED_IN = {
    torch.float16: torch.float32,
    torch.bfloat16: torch.float32,
    torch.float32: torch.float32,
    torch.float64: torch.float64,
    torch.complex64: torch.complex64,
    torch.complex128: torch.complex128,
}


@dataclass(frozen=True)
class Target:
    """Shape, dtype, fans and axes of what is to be drawn; `fans` come from `axes` where only those are given."""

    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32
    fans: Fans | None = None
    axes: Axes | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))

    @property
    def is_complex(self) -> bool:
        """Whether each element has two halves."""
        return self.dtype.is_complex

    @property
    def computed_in(self) -> torch.dtype:
        """The dtype in which structured values are computed: float32 for half precision, else the target's own."""
        return _COMPUTED_IN[self.dtype]

    def checked(self, operation: str) -> None:
        """Refuse targets that no initializer can draw for: no elements, or a dtype without fractions.

        Raises:
            ArgumentError: the dtype is integer, bool or 8 bits wide, or the target is empty.
        """
        if self.dtype not in _COMPUTED_IN:
            allowed = ", ".join(str(dtype).removeprefix("torch.") for dtype in _COMPUTED_IN)
            raise ArgumentError(f"{operation}: the dtype is {self.dtype}; allowed are {allowed}. Use Keep()")
        if math.prod(self.shape) == 0:
            raise ArgumentError(f"{operation}: the shape {self.shape} has no elements. Use Keep()")

    def known_fans(self, operation: str) -> Fans:
        """Return the fans, from `axes` if need be.

        Raises:
            FanError: neither fans nor axes are known.
            ArgumentError: a fan is zero.
        """
        if self.fans is None and self.axes is None:
            raise FanError(
                f"{operation}: the fans of the weight are needed and cannot be known from its shape {self.shape}. "
                f"Declare its axes in the rule, for example axes=iw.Axes(fan_in=(1,), fan_out=(0,))"
            )
        known = self.fans if self.fans is not None else fans(self.shape, self.axes or Axes((), ()))
        if not (known.fan_in > 0 and known.fan_out > 0):
            raise ArgumentError(
                f"{operation}: fan_in is {known.fan_in}, fan_out is {known.fan_out}; both must be above 0 (see axes=)"
            )
        return known
