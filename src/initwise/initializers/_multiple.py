"""The laws of scaled values: of a law times a number, and of the mixture that several factors make."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from initwise.initializers._distributions import Array
from initwise.initializers._invariants import CentreTap, Equal, Invariant, NonzerosPerUnit, Orthonormal, Pattern
from initwise.initializers._law import Law, short
from initwise.initializers._upsampling import Repeated, unlikely

_KEPT = Equal | Pattern | Orthonormal | CentreTap | NonzerosPerUnit | Repeated  # holds for quotients


@dataclass(frozen=True)
class ScaledCdf:
    """P(factor * X <= x)."""

    of: Callable[[Array], Array]
    factor: float

    def __call__(self, x: Array) -> Array:
        return self.of(np.asarray(x, np.float64) / self.factor)


@dataclass(frozen=True)
class Multiple(Invariant):
    """The values, divided by their factors, have a property."""

    of: Invariant
    factors: tuple[float, ...]
    axis: int = 0

    def check(self, values: Tensor) -> str | None:
        """Divide, and check the property; of a part of the channels nothing is known."""
        if not _fits(values, self.factors, self.axis):
            return None
        broken = self.of.check(_divided(values, self.factors, self.axis, self.of))
        return f"divided by their factors: {broken}" if broken else None

    def describe(self) -> str:
        """Return the property in words."""
        return f"divided by their factors: {self.of.describe()}"


@dataclass(frozen=True)
class Follows(Invariant):
    """The values, divided by the factor of their channel, have in each the moments of draws of a law."""

    law: Law
    factors: tuple[float, ...]
    axis: int

    def check(self, values: Tensor) -> str | None:
        """Compare mean and mean square of the quotients with those of the law, and the channels with each other."""
        if not _fits(values, self.factors, self.axis):
            return None  # a part of the channels
        channels = _divided(values, self.factors, self.axis, None).movedim(self.axis, 0)
        said = "divided by their factors the values {}have"
        broken = unlikely(channels, self.law, said.format(""))
        each = (
            unlikely(channel[None], self.law, said.format(f"of channel {index} "))
            for index, channel in enumerate(channels)
        )
        return broken or next(filter(None, each), None)

    def describe(self) -> str:
        """Return the property in words."""
        return f"divided by their factors: {self.law.describe()}"


def multiplied(law: Law, factor: float) -> Law:
    """Return the law of `factor` times a value of `law`."""
    low, high = (bound * factor for bound in law.support)
    return replace(
        law,
        mean=law.mean * factor,
        std=law.std * factor,
        support=(low, high),
        cdf=None if law.cdf is None else ScaledCdf(law.cdf, factor),
        fourth=None if law.fourth is None else law.fourth * factor**4,
        invariants=tuple(_of_quotients(law, (factor,), 0)),
        text=f"{short(factor)} × {law.describe()}",
        nonzero=None if law.nonzero is None else multiplied(law.nonzero, factor),
    )


def by_channel(law: Law, factors: tuple[float, ...], axis: int, *, is_complex: bool = False) -> Law:
    """Return the law of a value of any channel: the mixture, which is no sample of independent draws of one law."""
    first, square, fourth = (math.fsum(each**power for each in factors) / len(factors) for power in (1, 2, 4))
    mean, halves = law.mean * first, 2 if is_complex else 1  # both halves have the mean
    variance = law.std**2 * square + halves * law.mean**2 * max(0.0, square - first**2)
    bounds = [bound * each for bound in law.support for each in (min(factors), max(factors))]
    own = (Follows(law, factors, axis),) if law.iid else tuple(_of_quotients(law, factors, axis))
    return Law(
        mean=mean,
        std=math.sqrt(variance),
        support=(min(bounds), max(bounds)),
        fourth=law.fourth * fourth if law.fourth is not None and law.mean == 0 else None,
        invariants=own,
        name="by channel",
        iid=False,
        text=f"{law.describe()}, × {short(min(factors))} to {short(max(factors))} by channel",
    )


def _of_quotients(law: Law, factors: tuple[float, ...], axis: int) -> list[Invariant]:
    """Return the invariants that quotients keep; a length that one factor changes is told as the new length."""
    found: list[Invariant] = []
    for each in law.invariants:
        if len(factors) == 1 and isinstance(each, Orthonormal | CentreTap):
            found.append(replace(each, gain=each.gain * factors[0]))
        elif isinstance(each, Multiple | Follows | _KEPT):
            found.append(Multiple(each, factors, axis))
    return found


def _fits(values: Tensor, factors: tuple[float, ...], axis: int) -> bool:
    return len(factors) == 1 or values.shape[axis] == len(factors)


def _divided(values: Tensor, factors: tuple[float, ...], axis: int, of: Invariant | None) -> Tensor:
    """Return the quotients; those of whole numbers are whole where rounding alone explains the rest."""
    wide = torch.complex128 if values.is_complex() else torch.float64
    real = torch.tensor(factors, dtype=torch.float64, device=values.device)
    shape = [-1 if len(factors) > 1 and place == axis else 1 for place in range(values.dim())]
    quotients = values.to(wide) / real.reshape(shape)
    if isinstance(of, Pattern | Equal):
        near = quotients.round() if isinstance(of, Pattern) else torch.full_like(quotients, of.value)
        close = (quotients - near).abs() <= 2 * torch.finfo(values.dtype).eps * near.abs()
        quotients = torch.where(close, near, quotients)
    return quotients.to(values.dtype)
