"""`Identity` and `Dirac`: layers that pass their input on. Deterministic."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from initwise._arguments import Arguments
from initwise.errors import ArgumentError
from initwise.initializers._base import Initializer
from initwise.initializers._invariants import Pattern, pattern
from initwise.initializers._law import Law
from initwise.initializers._stream import Stream
from initwise.initializers._target import Target


@dataclass(frozen=True, repr=False)
class Identity(Initializer):
    """The identity matrix, for a matrix of any shape: ones on the diagonal, zeros elsewhere. `torch.nn.init.eye_`.

    Raises:
        ArgumentError: for a target that is no matrix.
    """

    def _law(self, target: Target) -> Law:
        self._check(target)
        return _pattern_law(min(target.shape), target, Pattern("identity"), "identity")

    def _values(self, target: Target, stream: Stream) -> Tensor:
        self._check(target)
        return pattern("identity", target.shape).to(target.computed_in)

    def _check(self, target: Target) -> None:
        if len(target.shape) != 2:
            raise ArgumentError(
                f"{self!r}: the shape is {target.shape}; only matrices (2 dimensions) have an identity. "
                f"Use Dirac for convolution kernels"
            )


@dataclass(frozen=True, repr=False)
class Dirac(Initializer):
    """The convolution kernel that passes its input channels on, as many as fit; in each of `groups` alike.

    Zagoruyko and Komodakis, DiracNets, 2017 (arXiv:1706.00388). The same as `torch.nn.init.dirac_`.

    Raises:
        ArgumentError: `groups` is below 1; for a target, it is no kernel (3 to 5 dimensions) or its first size is no
            multiple of `groups`.

    >>> import initwise as iw
    >>> iw.Dirac(groups=2)
    Dirac(groups=2)
    """

    groups: int = 1

    def __post_init__(self) -> None:
        check = Arguments("Dirac")
        self._store(groups=check.integer("groups", self.groups, least=1))
        check.done()

    def _law(self, target: Target) -> Law:
        self._check(target)
        ones = self.groups * min(target.shape[0] // self.groups, target.shape[1])
        return _pattern_law(ones, target, Pattern("dirac", self.groups), "dirac")

    def _values(self, target: Target, stream: Stream) -> Tensor:
        self._check(target)
        return pattern("dirac", target.shape, self.groups).to(target.computed_in)

    def _check(self, target: Target) -> None:
        if not 3 <= len(target.shape) <= 5:
            raise ArgumentError(
                f"{self!r}: the shape is {target.shape}; allowed are convolution kernels (3 to 5 dimensions). "
                f"Use Identity for matrices"
            )
        if target.shape[0] % self.groups:
            raise ArgumentError(
                f"{self!r}: the first size of {target.shape} is no multiple of groups={self.groups}. Correct groups"
            )


def _pattern_law(ones: int, target: Target, invariant: Pattern, name: str) -> Law:
    mean = ones / math.prod(target.shape)
    text = name + (f" ({invariant.groups} groups)" if invariant.groups > 1 else "")
    spread = math.sqrt(mean * (1 - mean))
    return Law(mean, spread, (0.0, 1.0), None, None, (invariant,), name, False, text)
