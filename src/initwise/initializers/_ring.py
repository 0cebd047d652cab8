"""Eigenvalues uniform on a ring of the complex plane, as linear recurrent units keep them: by the logarithm."""

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
class _Ring(Mapped):
    """What the magnitude and the gain of an eigenvalue share: |lambda|^2 ~ U(r_min^2, r_max^2)."""

    r_min: float = 0.0
    r_max: float = 1.0

    def __post_init__(self) -> None:
        check = Arguments(type(self).__name__)
        r_min, r_max = check.number("r_min", self.r_min), check.number("r_max", self.r_max)
        if not 0 <= r_min < r_max <= 1:
            check.refuse(f"r_min is {r_min} and r_max is {r_max}; allowed are 0 <= r_min < r_max <= 1")
        self._check(check)
        check.done()
        self._store(r_min=r_min, r_max=r_max)

    def _check(self, check: Arguments) -> None:
        """Check further arguments."""

    def _gap(self, u: Array) -> Array:
        """Return 1 - |lambda|^2, without cancellation near the unit circle."""
        nearest, _ = self._gaps()
        return nearest + self._area() * (1 - u)

    def _gaps(self) -> tuple[float, float]:
        """Return 1 - r_max^2 and 1 - r_min^2."""
        return (1 - self.r_max) * (1 + self.r_max), (1 - self.r_min) * (1 + self.r_min)

    def _area(self) -> float:
        return (self.r_max - self.r_min) * (self.r_max + self.r_min)


@dataclass(frozen=True, repr=False)
class RingDecay(_Ring):
    """ln nu with |lambda| = exp(-nu), for eigenvalues lambda uniform on the ring r_min <= |lambda| <= r_max.

    nu = -ln(U(r_min^2, r_max^2)) / 2. Orvieto et al., Resurrecting recurrent neural networks for long sequences, 2023
    (arXiv:2303.06349): `nu_log` of a linear recurrent unit. Its phase, `theta_log`, is `LogOfUniform(0, 2 * pi)`.

    Args:
        r_min: the smallest magnitude of an eigenvalue.
        r_max: the largest one; near 1 for long memory.

    Raises:
        ArgumentError: other than 0 <= r_min < r_max <= 1.

    >>> import initwise as iw
    >>> iw.RingDecay(r_min=0.4, r_max=0.9)
    RingDecay(r_min=0.4, r_max=0.9)
    """

    def map(self, u: Array) -> Array:
        """Return ln nu."""
        found: Array = np.log(-0.5 * np.log1p(-self._gap(u)))
        return found

    def below(self, x: Array) -> Array:
        """Return P(X <= x)."""
        gap = -np.expm1(-2 * np.exp(np.minimum(x, 700.0)))
        share: Array = (gap - self._gaps()[0]) / self._area()
        return share

    def _range(self) -> tuple[float, float]:
        low = math.log(-math.log(self.r_max)) if self.r_max < 1 else -math.inf
        return low, (math.log(-math.log(self.r_min)) if self.r_min else math.inf)

    def _text(self) -> str:
        return f"ln ν, |λ|² = exp(-2ν) ~ U({short(self.r_min)}², {short(self.r_max)}²)"


@dataclass(frozen=True, repr=False)
class RingGain(_Ring):
    """ln sqrt(1 - |lambda|^2) for the eigenvalues that `RingDecay` draws for the parameter `beside` this one.

    With this gain on its input the state of a linear recurrent unit has the variance of a white input: `gamma_log` in
    Orvieto et al. 2023 (arXiv:2303.06349). The numbers are not drawn but follow from those of the other parameter of
    the same module, as they are stored in this one's dtype; give both the same ring.

    Args:
        r_min: the smallest magnitude of an eigenvalue.
        r_max: the largest one.
        beside: the attribute of the same module that `RingDecay` is drawn for.

    Raises:
        ArgumentError: other than 0 <= r_min < r_max <= 1, or `beside` is no attribute's name.

    >>> import initwise as iw
    >>> iw.RingGain(r_max=0.9)
    RingGain(r_max=0.9)
    """

    beside: str = "nu_log"

    def _check(self, check: Arguments) -> None:
        beside: object = self.beside
        if not (isinstance(beside, str) and beside.isidentifier()):
            check.refuse(f"beside is {beside!r}, and must be the name of an attribute, such as 'nu_log'")

    def map(self, u: Array) -> Array:
        """Return the logarithm of the gain."""
        found: Array = 0.5 * np.log(self._gap(u))
        return found

    def below(self, x: Array) -> Array:
        """Return P(X <= x)."""
        share: Array = (np.exp(2 * np.minimum(x, 0.0)) - self._gaps()[0]) / self._area()
        return share

    def _values(self, target: Target, stream: Stream) -> Tensor:
        self._refuse_complex(target)
        above, dot, _ = stream.name.rpartition(".")
        other = Stream(stream.seed, f"{above}{dot}{self.beside}", stream.label)
        nu_log = RingDecay(self.r_min, self.r_max).values(target, other).double().numpy().ravel()
        return self._inside(0.5 * np.log(-np.expm1(-2 * np.exp(nu_log))), target)

    def _range(self) -> tuple[float, float]:
        nearest, farthest = self._gaps()
        return (0.5 * math.log(nearest) if nearest else -math.inf), 0.5 * math.log(farthest)

    def _text(self) -> str:
        return f"ln √(1 - |λ|²) of {self.beside}, |λ|² ~ U({short(self.r_min)}², {short(self.r_max)}²)"
