"""`Scaled`: what another initializer draws, times a number or times one number for each channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor

from initwise._arguments import Arguments, show
from initwise.errors import ArgumentError
from initwise.initializers._base import Initializer
from initwise.initializers._combining import Keep, PerBlock
from initwise.initializers._constant import Constant
from initwise.initializers._custom import as_initializer
from initwise.initializers._elementwise import reach
from initwise.initializers._given import flattened
from initwise.initializers._law import Law
from initwise.initializers._multiple import by_channel, multiplied
from initwise.initializers._product import Fill, Product
from initwise.initializers._rows import MeanOfRows, NewRows
from initwise.initializers._stream import Stream
from initwise.initializers._target import Target
from initwise.random import Draw

_SHOWN = 16  # factors that a repr spells out


@dataclass(frozen=True, repr=False)
class Scaled(Initializer):
    """`factor` times what `inner` draws: the same random numbers, multiplied in float32 and rounded once to the dtype.

    W = factor * W0, or W[.., c, ..] = factor[c] * W0[.., c, ..] for channels c along `axis`. In float64 and complex
    parameters the product is computed in their own precision. Calibrations such as `iw.lsuv` tell by it what they
    found: the law stays that of the plan, and so do seed and numbers.

    Args:
        inner: what is multiplied: any initializer that draws all of its values, `PerBlock` included.
        factor: a positive number, or one for each index of `axis`.
        axis: the axis that several factors run along; left out for one factor.

    Raises:
        ArgumentError: a factor is not positive and finite, several factors have no axis, or `inner` keeps old values;
            for a target, the factors are not as many as the axis is long, or values leave the range of the dtype.

    >>> import initwise as iw
    >>> iw.Scaled(iw.Normal(std=0.02), 1.5), iw.Scaled(iw.Orthogonal(), (1.0, 2.0), axis=0)
    (Scaled(Normal(std=0.02), 1.5), Scaled(Orthogonal(), (1.0, 2.0), axis=0))
    """

    inner: Initializer
    factor: float | Sequence[float] | Tensor
    axis: int | None = None

    def __post_init__(self) -> None:
        check = Arguments("Scaled")
        inner = as_initializer(self.inner)
        held = (inner, *(each for _, each in inner.blocks), inner.rest) if isinstance(inner, PerBlock) else (inner,)
        if any(isinstance(each, Keep | NewRows | MeanOfRows) for each in held):
            check.refuse(f"inner is {inner!r}, which keeps values that are there; give what is drawn, as iw.Normal()")
        several, factor = _factors(check, self.factor)
        axis = None if self.axis is None else check.integer("axis", self.axis, least=0)
        if several and axis is None:
            check.refuse(f"factor holds {len(factor)} numbers and axis is missing; say which axis they run along")
        elif axis is not None and not several:
            check.refuse(f"axis is {axis} and factor one number, which needs none; leave axis out")
        check.done()
        self._store(inner=inner, factor=factor if several else factor[0], axis=axis)

    @property
    def factors(self) -> tuple[float, ...]:
        """The factors, one or several."""
        return self.factor if isinstance(self.factor, tuple) else (cast("float", self.factor),)

    def part(self, inner: Initializer, axis: int, start: int, stop: int, size: int) -> Scaled:
        """Return what a block gets that is cut from `size` indices of an axis, and whose own initializer is `inner`."""
        if axis != self.axis or len(self.factors) != size:
            return replace(self, inner=inner)
        return Scaled(inner, self.factors[start:stop], axis)

    def __repr__(self) -> str:
        many = len(self.factors) > _SHOWN
        factor = f"<{len(self.factors)} factors {min(self.factors):.4g} to {max(self.factors):.4g}>" if many else ""
        axis = "" if self.axis is None else f", axis={self.axis}"
        return f"Scaled({self.inner!r}, {factor or repr(self.factor)}{axis})"

    def _law(self, target: Target) -> Law | None:
        self._check_axis(target)
        law = self.inner.law(target)
        draw = self._draw(target)
        if law is None:
            return None
        if isinstance(draw, Fill):
            return Constant(draw.value).law(target)
        if self.axis is None:
            return multiplied(law, self.factors[0])
        return by_channel(law, self.factors, self.axis, is_complex=target.is_complex)

    def _draw(self, target: Target) -> Fill | Product | None:
        self._check_axis(target)
        draw = self.inner.draw(target)
        if draw is None:
            return None
        self._refuse_overflow(target, draw)
        if isinstance(draw, Fill) and self.axis is None:
            return Fill(draw.value * self.factors[0])
        return Product(draw, self.factors, self.axis or 0)

    def _values(self, target: Target, stream: Stream) -> Tensor:
        self._check_axis(target)
        drawn = self.inner.values(target, stream).to(target.computed_in)
        real = drawn.dtype.to_real() if drawn.is_complex() else drawn.dtype
        factors = torch.tensor(self.factors, dtype=real, device="cpu")
        shape = [-1 if axis == self.axis else 1 for axis in range(drawn.dim())]
        return drawn * factors.reshape(shape if self.axis is not None else ())

    def _check_axis(self, target: Target) -> None:
        if self.axis is None:
            return
        size = target.shape[self.axis] if self.axis < len(target.shape) else None
        if size != len(self.factors):
            found = f"has size {size}" if size is not None else "does not exist"
            raise ArgumentError(
                f"{self!r}: axis {self.axis} of the shape {target.shape} {found}, and there are {len(self.factors)} "
                "factors; give one for each index"
            )

    def _refuse_overflow(self, target: Target, draw: Draw | Fill | Product) -> None:
        low, high = _reach(draw)
        largest, most = torch.finfo(target.dtype).max, max(self.factors) * max(-low, high)
        if not most <= largest:
            raise ArgumentError(
                f"{self!r}: values reach {most:.6g}, beyond the largest {target.dtype} number {largest:.6g}. Use a "
                "smaller factor or a wider dtype"
            )


def _factors(check: Arguments, given: Any) -> tuple[bool, tuple[float, ...]]:
    """Return whether several factors are given, and all of them."""
    listed = flattened(given)
    several = not isinstance(listed, int | float)
    found = tuple(check.number("factor", each) for each in (listed if isinstance(listed, tuple) else (listed,)))
    wrong = [each for each in found if not each > 0]
    if wrong or not found:
        said = f"holds {wrong[0]}, and factors must be above 0" if wrong else f"is {show(given)} and holds no number"
        check.refuse(f"factor {said}; iw.Zeros() writes zeros")
    return several, found or (1.0,)


def _reach(draw: Draw | Fill | Product) -> tuple[float, float]:
    """Return an interval around zero that all values of a draw fall into."""
    if isinstance(draw, Product):
        low, high = _reach(draw.draw)
        return low * max(draw.factors), high * max(draw.factors)
    low, high = (draw.value, draw.value) if isinstance(draw, Fill) else reach(draw)
    return min(low, 0.0), max(high, 0.0)
