"""What enters a recurrence through exp, softplus or sigmoid: time steps, decays and gates by their time scale."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from initwise._arguments import Arguments
from initwise.initializers._distributions import Array
from initwise.initializers._law import short
from initwise.initializers._mapped import Mapped
from initwise.initializers._stream import Stream
from initwise.initializers._target import Target


@dataclass(frozen=True, repr=False)
class TimeStepBias(Mapped):
    """The bias whose softplus is a log-uniform time step: dt = max(exp(U(ln low, ln high)), floor).

    The value is dt + ln(1 - exp(-dt)), the inverse of softplus. Gu, Dao, Mamba: Linear-time sequence modeling with
    selective state spaces, 2023 (arXiv:2312.00752); defaults as in its released code.

    Args:
        low: the smallest time step that is drawn.
        high: the largest one.
        floor: time steps below are raised to it.

    Raises:
        ArgumentError: a number is not positive and finite, `low` is not below `high`, or `floor` is not.

    >>> import initwise as iw
    >>> iw.TimeStepBias(low=0.01)
    TimeStepBias(low=0.01)
    """

    low: float = 1e-3
    high: float = 0.1
    floor: float = 1e-4

    def __post_init__(self) -> None:
        check = Arguments("TimeStepBias")
        low, high, floor = (_positive(check, name, getattr(self, name)) for name in ("low", "high", "floor"))
        if not low < high:
            check.refuse(f"low is {low} and high is {high}; low must be below high (use Constant for one time step)")
        elif not floor < high:
            check.refuse(f"floor is {floor} and high is {high}; floor must be below high")
        check.done()
        self._store(low=low, high=high, floor=floor)

    def map(self, u: Array) -> Array:
        """Return the inverse softplus of the time step."""
        return _inverse_softplus(np.maximum(np.exp(math.log(self.low) + u * self._width()), self.floor))

    def below(self, x: Array) -> Array:
        """Return P(X <= x)."""
        with np.errstate(divide="ignore"):
            share = np.log(np.logaddexp(0.0, x) / self.low) / self._width()
        return np.where(x < self._range()[0], 0.0, share)

    def _range(self) -> tuple[float, float]:
        low, high = _inverse_softplus(np.array([max(self.low, self.floor), self.high]))
        return float(low), float(high)

    def _kinks(self) -> tuple[float, ...]:
        return (math.log(self.floor / self.low) / self._width(),) if self.floor > self.low else ()

    def _text(self) -> str:
        floor = f", at least {short(self.floor)}" if self.floor > self.low else ""
        return f"softplus⁻¹ of exp U(ln {short(self.low)}, ln {short(self.high)}){floor}"

    def _width(self) -> float:
        return math.log(self.high / self.low)


@dataclass(frozen=True, repr=False)
class LogOfUniform(Mapped):
    """ln U(low, high): the logarithm of a uniform number, for what the model takes the exponential of.

    Dao, Gu, Transformers are SSMs, 2024 (arXiv:2405.21060): the decays of Mamba-2, from 1 to 16 in its released code.

    Args:
        low: the smallest number the logarithm is taken of; it may be 0, which itself is not drawn.
        high: the largest one.

    Raises:
        ArgumentError: a number is not finite, `low` is negative or not below `high`.

    >>> import initwise as iw
    >>> iw.LogOfUniform(high=8)
    LogOfUniform(high=8.0)
    """

    low: float = 1.0
    high: float = 16.0

    def __post_init__(self) -> None:
        check = Arguments("LogOfUniform")
        low, high = check.number("low", self.low), check.number("high", self.high)
        if low < 0:
            check.refuse(f"low is {low}, and must not be negative")
        elif not low < high:
            check.refuse(f"low is {low} and high is {high}; low must be below high (use Constant for one value)")
        check.done()
        self._store(low=low, high=high)

    def map(self, u: Array) -> Array:
        """Return the logarithm of the uniform number."""
        found: Array = np.log(self.low + (self.high - self.low) * u)
        return found

    def below(self, x: Array) -> Array:
        """Return P(X <= x)."""
        return _exp_within(x, self.low, self.high)

    def _range(self) -> tuple[float, float]:
        return (math.log(self.low) if self.low else -math.inf), math.log(self.high)

    def _text(self) -> str:
        return f"ln U({short(self.low)}, {short(self.high)})"


@dataclass(frozen=True, repr=False)
class ChronoBias(Mapped):
    """sign * ln U(1, t_max - 1): the bias of a gate that remembers for a time between 1 and t_max steps.

    Tallec, Ollivier, Can recurrent neural networks warp time?, 2018 (arXiv:1804.11188): an LSTM's forget gate has
    b_f = ln U(1, t_max - 1) and its input gate b_i = -b_f, unit by unit. Two blocks of one parameter therefore read
    the same random numbers: `PerBlock(f=ChronoBias(784), i=ChronoBias(784, sign=-1), rest=Zeros())`. PyTorch adds
    bias_ih and bias_hh: give this to one of them, and zeros to the other.

    Args:
        t_max: the longest dependency that is expected, in steps; above 2.
        sign: 1 for the gate that keeps the state, -1 for the one that lets the input in.

    Raises:
        ArgumentError: `t_max` is not a finite number above 2, or `sign` is neither 1 nor -1.

    >>> import initwise as iw
    >>> iw.ChronoBias(784)
    ChronoBias(784.0)
    """

    t_max: float
    sign: int = 1

    def __post_init__(self) -> None:
        check = Arguments("ChronoBias")
        t_max, sign = check.number("t_max", self.t_max), check.integer("sign", self.sign, least=-1)
        if not t_max > 2:
            check.refuse(f"t_max is {t_max} steps, and must be above 2")
        if sign == 0 or sign > 1:
            check.refuse(f"sign is {sign}, and must be 1 or -1")
        check.done()
        self._store(t_max=t_max, sign=sign)

    def map(self, u: Array) -> Array:
        """Return the signed logarithm of the time scale."""
        return self.sign * np.log1p((self.t_max - 2) * u)

    def below(self, x: Array) -> Array:
        """Return P(X <= x)."""
        share = _exp_within(self.sign * x, 1.0, self.t_max - 1)
        return share if self.sign > 0 else 1 - share

    def _values(self, target: Target, stream: Stream) -> Tensor:
        self._refuse_complex(target)
        own = Stream(stream.seed, stream.name, "chrono")  # whatever the block: gates that belong together agree
        return self._inside(self.map(self._uniform(target, own)), target)

    def _range(self) -> tuple[float, float]:
        far = math.log(self.t_max - 1)
        return (0.0, far) if self.sign > 0 else (-far, 0.0)

    def _text(self) -> str:
        return f"{'-' if self.sign < 0 else ''}ln U(1, {short(self.t_max - 1)})"


def _inverse_softplus(y: Array) -> Array:
    found: Array = y + np.log(-np.expm1(-y))
    return found


def _exp_within(x: Array, low: float, high: float) -> Array:
    """Return the share of [low, high] below e^x."""
    return (np.exp(np.minimum(x, math.log(high))) - low) / (high - low)


def _positive(check: Arguments, name: str, value: object) -> float:
    number = check.number(name, value)
    if number <= 0:
        check.refuse(f"{name} is {number}, and must be positive")
        return 1.0
    return number
