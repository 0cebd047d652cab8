"""`Law`: what an initializer declares about the values it draws."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from initwise._arguments import Arguments
from initwise.initializers._distributions import Array
from initwise.initializers._invariants import Invariant

INFINITE = (-math.inf, math.inf)


@dataclass(frozen=True)
class Law:
    """The law of the values of one parameter, as far as it is known.

    Args:
        mean: expectation of a value.
        std: standard deviation of a value, sqrt(E|w - mean|^2). Zero for constants.
        support: closed interval that holds every value. For laws that are not `iid` it holds before rounding to a
            storage dtype; for the others in every dtype.
        cdf: distribution function, called with a NumPy array; None where unknown.
        fourth: fourth central moment, E (w - mean)^4; None where unknown.
        invariants: properties that the values have exactly (up to rounding), each with a `check`.
        name: the family, such as "normal"; for messages.
        iid: the values are independent draws, so that intervals for the sample's mean and std hold.
        nonzero: the law of the values that are not zero, where those are independent draws; None otherwise.
        text: how `describe` shows the law; made from the other fields where empty.

    For a complex parameter `mean`, `support`, `cdf` and `fourth` are those of each real half (which are independent),
    and `std` is that of the complex value; `half` gives the law of one half.

    Raises:
        ArgumentError: a number is NaN or infinite, `std` is negative, the support is empty or leaves the mean out.

    >>> import initwise as iw
    >>> iw.Law(mean=0.0, std=0.5, support=(-1, 1)).describe()
    'mean 0, std 0.5, in [-1, 1]'
    """

    mean: float
    std: float
    support: tuple[float, float] = INFINITE
    cdf: Callable[[Array], Array] | None = None
    fourth: float | None = None
    invariants: tuple[Invariant, ...] = ()
    name: str = ""
    iid: bool = True
    text: str = ""
    nonzero: Law | None = None

    def __post_init__(self) -> None:
        check = Arguments("Law")
        object.__setattr__(self, "mean", check.number("mean", self.mean))
        object.__setattr__(self, "std", check.number("std", self.std))
        object.__setattr__(self, "iid", check.flag("iid", self.iid))
        if self.std < 0:
            check.refuse(f"std is {self.std}, and must not be negative")
        object.__setattr__(self, "support", _interval(check, self.support, self.mean))
        if self.fourth is not None:
            object.__setattr__(self, "fourth", check.number("fourth", self.fourth))
        object.__setattr__(self, "invariants", tuple(self.invariants))
        check.done()

    def describe(self) -> str:
        """Return the law in a few signs, as tables show it."""
        if self.text:
            return self.text
        low, high = self.support
        bounds = "" if self.support == INFINITE else f", in [{short(low)}, {short(high)}]"
        return f"{f'{self.name}: ' if self.name else ''}mean {short(self.mean)}, std {short(self.std)}{bounds}"

    def half(self) -> Law:
        """Return the law of the real or imaginary half of a complex value that has this law."""
        nonzero = self.nonzero.half() if self.nonzero is not None else None
        return replace(self, std=self.std * math.sqrt(0.5), text="", nonzero=nonzero)


def short(value: float) -> str:
    """Return a number with four significant digits, as descriptions show it.

    >>> short(0.036084391824), short(1.0)
    ('0.03608', '1')
    """
    return f"{value:.4g}"


def _interval(check: Arguments, value: Any, mean: float) -> tuple[float, float]:
    try:
        low, high = (float(bound) for bound in value)
    except (TypeError, ValueError):
        check.refuse(f"support is {value!r}, not a pair of numbers", wrong_type=True)
        return INFINITE
    if not low <= mean <= high:
        check.refuse(f"support is [{low}, {high}]; it must hold the mean, which is {mean}")
    return low, high
