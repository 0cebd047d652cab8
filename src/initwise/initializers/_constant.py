"""Deterministic element-wise values: constants, zeros, ones. Computed in float64 and rounded once."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch

from initwise._arguments import Arguments
from initwise.errors import ArgumentError
from initwise.initializers._base import Initializer
from initwise.initializers._invariants import Equal
from initwise.initializers._law import Law, short
from initwise.initializers._product import Fill
from initwise.initializers._target import Target


@dataclass(frozen=True, repr=False)
class _Deterministic(Initializer):
    @abstractmethod
    def _level(self) -> float:
        """The value that is written everywhere."""

    def _draw(self, target: Target) -> Fill:
        largest = torch.finfo(target.dtype).max
        if abs(self._level()) > largest:
            raise ArgumentError(
                f"{self!r}: the largest {target.dtype} number is {largest:.6g}. Use a smaller value or a wider dtype"
            )
        return Fill(self._level())

    def _law(self, target: Target) -> Law:
        value = self._draw(target).value
        ends = (min(value, 0.0), max(value, 0.0)) if target.is_complex else (value, value)
        return Law(value, 0.0, ends, None, 0.0, (Equal(value),), "constant", False, short(value))


@dataclass(frozen=True, repr=False)
class Constant(_Deterministic):
    """Every value is `value`.

    Raises:
        ArgumentError: `value` is not a finite number.

    >>> import initwise as iw
    >>> iw.Constant(0.5)
    Constant(0.5)
    """

    value: float

    def __post_init__(self) -> None:
        check = Arguments("Constant")
        self._store(value=check.number("value", self.value))
        check.done()

    def _level(self) -> float:
        return self.value


@dataclass(frozen=True, repr=False)
class Zeros(_Deterministic):
    """Every value is 0.

    >>> import initwise as iw
    >>> iw.Zeros() == iw.Constant(0), iw.Zeros() == iw.Zeros()     # two ways to ask are two values
    (False, True)
    """

    def _level(self) -> float:
        return 0.0


@dataclass(frozen=True, repr=False)
class Ones(_Deterministic):
    """Every value is 1."""

    def _level(self) -> float:
        return 1.0
