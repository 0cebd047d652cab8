"""The plain random laws: uniform, normal, truncated normal."""

from __future__ import annotations

import math
from dataclasses import dataclass

from initwise._arguments import Arguments
from initwise.initializers._elementwise import LARGEST, SMALLEST, ElementWise
from initwise.initializers._target import Target
from initwise.moments import truncated_probability, truncated_std
from initwise.random import Draw, NormalDraw, TruncatedNormalDraw, UniformDraw

_LEAST_PROBABILITY = 2.0**-12  # the stream has 2**32 words; a law needs at least 2**20 of them


@dataclass(frozen=True, repr=False)
class Uniform(ElementWise):
    """The uniform law on the closed interval [low, high].

    Both halves of a complex parameter are drawn from it, as `torch.nn.init.uniform_` does.

    Raises:
        ArgumentError: a bound is not finite, or `low` is not below `high`.

    >>> import initwise as iw
    >>> iw.Uniform(-1, 1)
    Uniform(-1.0, 1.0)
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        check = Arguments("Uniform")
        low, high = (_level(check, name, getattr(self, name)) for name in ("low", "high"))
        if not low < high:
            check.refuse(f"low is {low} and high is {high}; low must be below high (use Constant for one value)")
        elif high - low < SMALLEST:
            check.refuse(f"high - low is {high - low}, and must be at least {SMALLEST} (use Constant for one value)")
        check.done()
        self._store(low=low, high=high)

    def _real(self, target: Target) -> Draw:
        return UniformDraw(self.low, self.high)


@dataclass(frozen=True, repr=False)
class Normal(ElementWise):
    """The normal law with a mean and a standard deviation.

    Each half of a complex parameter has half the variance (and the mean), so that E|w - mean|^2 = std^2.

    Raises:
        ArgumentError: a number is not finite, or `std` is negative, zero or below 1e-25.

    >>> import initwise as iw
    >>> iw.Normal(std=0.02)
    Normal(std=0.02)
    """

    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        check = Arguments("Normal")
        mean, std = _level(check, "mean", self.mean), spread(check, "std", self.std)
        check.done()
        self._store(mean=mean, std=std)

    def _real(self, target: Target) -> Draw:
        return NormalDraw(self.mean, self.std * _share(target))


@dataclass(frozen=True, repr=False)
class TruncatedNormal(ElementWise):
    """The normal law cut at `bound` sigmas of the parent normal on either side.

    `std` is the standard deviation after the cut: the parent has sigma = std / truncated_std(bound). With
    `corrected=False`, `std` is the parent's. The support is [mean - bound * sigma, mean + bound * sigma].
    This differs from `torch.nn.init.trunc_normal_`, whose bounds are absolute and whose `std` is the parent's.

    Raises:
        ArgumentError: a number is not finite, `std` is negative, zero or below 1e-25, or `bound` is not positive or so
            small that fewer than 2**20 of the 2**32 random words fall between the bounds.

    >>> import initwise as iw
    >>> iw.TruncatedNormal(std=0.02, bound=3)
    TruncatedNormal(std=0.02, bound=3.0)
    """

    mean: float = 0.0
    std: float = 1.0
    bound: float = 2.0
    corrected: bool = True

    def __post_init__(self) -> None:
        check = Arguments("TruncatedNormal")
        mean, std = _level(check, "mean", self.mean), spread(check, "std", self.std)
        bound, corrected = check.number("bound", self.bound), check.flag("corrected", self.corrected)
        if bound <= 0:
            check.refuse(f"bound is {bound} sigmas, and must be positive")
        elif truncated_probability(-bound, bound) < _LEAST_PROBABILITY:
            check.refuse(f"bound is {bound} sigmas, and must be at least 0.00031 (use Uniform for a flat law)")
        check.done()
        self._store(mean=mean, std=std, bound=bound, corrected=corrected)

    @property
    def sigma(self) -> float:
        """Standard deviation of the parent normal."""
        return self.std / truncated_std(self.bound) if self.corrected else self.std

    def _real(self, target: Target) -> Draw:
        return TruncatedNormalDraw(self.mean, self.sigma * _share(target), -self.bound, self.bound)


def spread(check: Arguments, name: str, value: object) -> float:
    """Check a standard deviation."""
    std = check.number(name, value)
    if std < 0:
        check.refuse(f"{name} is {std}, and must not be negative")
    elif std < SMALLEST:
        check.refuse(f"{name} is {std}, and must be at least {SMALLEST}; use Zeros() or Constant(value) instead")
    elif std > LARGEST:
        check.refuse(f"{name} is {std}, and must be at most {LARGEST}")
    return std


def _level(check: Arguments, name: str, value: object) -> float:
    level = check.number(name, value)
    if abs(level) > LARGEST:
        check.refuse(f"{name} is {level}, and must lie within ±{LARGEST}")
    return level


def _share(target: Target) -> float:
    """The part of the standard deviation that each half of an element carries."""
    return math.sqrt(0.5) if target.is_complex else 1.0
