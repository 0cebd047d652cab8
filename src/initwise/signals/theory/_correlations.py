"""How two signals' correlation changes in a layer: E f(u) f(v) as a power series in their correlation.

With h_n the normalized Hermite polynomials and a_n = E f(sqrt(q) z) h_n(z), Mehler's formula says
E f(sqrt(q) z1) f(sqrt(q) z2) = sum of a_n^2 c^n for Gaussian z1, z2 of correlation c. It sums to E f^2 at c = 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from initwise.gains._quadrature import _rule
from initwise.signals.theory._functions import Activation
from initwise.signals.theory._moments import square

_TERMS = 256
_REACH, _PANELS, _HALVINGS = 14.0, 56, 24


@dataclass(frozen=True)
class Series:
    """Sum of `weights` * c^`powers`; where c is negative, the `signed` weights take their place."""

    powers: Tensor
    weights: Tensor
    signed: Tensor

    def value(self, c: float) -> float:
        """E f(u) f(v) at the correlation c of u and v."""
        return float(((self.weights if c >= 0 else self.signed) * abs(c) ** self.powers).sum())

    def slope(self, c: float) -> float:
        """The derivative of `value`."""
        parts = self.powers * abs(c) ** (self.powers - 1).clamp(min=0)
        return float((self.weights * parts).sum()) if c >= 0 else -float((self.signed * parts).sum())


@dataclass(frozen=True)
class ArcCosine:
    """E f(u) f(v) of f(x) = right * x for x > 0 and left * x below, as of ReLU, exactly.

    From Cho and Saul 2009: E relu(u) relu(v) = q (sqrt(1 - c^2) + c (pi - arccos c)) / (2 pi).
    """

    q: float
    left: float
    right: float

    def value(self, c: float) -> float:
        """E f(u) f(v) at the correlation c of u and v."""
        same, across = (math.sqrt(1 - c * c) + d * (math.pi - math.acos(d)) for d in (c, -c))
        return self._mixed(same, across)

    def slope(self, c: float) -> float:
        """The derivative of `value`."""
        return self._mixed(math.pi - math.acos(c), math.acos(-c) - math.pi)

    def _mixed(self, same: float, across: float) -> float:
        """Return the sum over signs of u and v: alike ones, and unlike ones, where one of the ReLUs is mirrored."""
        return self.q * ((self.left**2 + self.right**2) * same - 2 * self.left * self.right * across) / (2 * math.pi)


def series(f: Activation, q: float) -> Series | ArcCosine:
    """Return E f(sqrt(q) z1) f(sqrt(q) z2) as a function of the correlation of z1 and z2."""
    if f.is_homogeneous:
        below, above = f.function(torch.tensor([-1.0, 1.0], dtype=torch.float64)).tolist()
        return ArcCosine(q, -below, above)
    z, weights = _nodes(f, math.sqrt(q))
    values = f.function(math.sqrt(q) * z) * weights
    found, before, now = [], torch.zeros_like(z), torch.ones_like(z)
    for n in range(_TERMS):
        found.append(float((values * now).sum()) ** 2)
        before, now = now, (z * now - math.sqrt(n) * before) / math.sqrt(n + 1)
    squares = torch.tensor(found, dtype=torch.float64)
    powers = torch.arange(_TERMS, dtype=torch.float64)
    more, rest, lean = _tail(squares, square(f, q))
    signs = 1 - 2 * (powers % 2)
    return Series(torch.cat([powers, more]), torch.cat([squares, rest]), torch.cat([squares * signs, rest * lean]))


def _tail(squares: Tensor, whole: float) -> tuple[Tensor, Tensor, float]:
    """Return what follows the terms that were computed: kinks leave a power law, of which the sum is known."""
    missing = max(whole - float(squares.sum()), 0.0)
    last, middle = squares[_TERMS // 2 :], squares[_TERMS // 4 : _TERMS // 2]
    early, late = float(middle.sum()), float(last.sum())
    power = 1 - math.log2(late / early) if late > 0 and early > 0 else 3.0
    powers = _TERMS * 2.0 ** torch.arange(1 / 16, 30, 1 / 8, dtype=torch.float64)
    shares = powers ** (1 - max(power, 1.1))  # of equal steps in log n
    lean = float(last[::2].sum() - last[1::2].sum()) / late if late > 0 else 0.0
    return powers, missing * shares / shares.sum(), lean


def _nodes(f: Activation, root: float) -> tuple[Tensor, Tensor]:
    """Return nodes and weights of E[.], denser where f(root * z) is not smooth."""
    points, shares = _rule()
    edges = torch.linspace(-_REACH, _REACH, _PANELS + 1, dtype=torch.float64)
    low, high = edges[:-1], edges[1:]
    kept: list[tuple[Tensor, Tensor]] = []
    for halving in range(_HALVINGS):
        middle = (low + high) / 2
        z, w = _panels(low, high, points, shares)
        left, right = _panels(low, middle, points, shares), _panels(middle, high, points, shares)
        coarse, fine = _sums(f, root, z, w), _sums(f, root, *left) + _sums(f, root, *right)
        rough = (fine - coarse).abs() > 1e-13 * fine.abs().sum().clamp(min=1e-300)
        if halving == _HALVINGS - 1:
            rough = torch.zeros_like(rough)
        kept.append((z[~rough].flatten(), w[~rough].flatten()))
        if not bool(rough.any()):
            break
        low, high = torch.cat([low[rough], middle[rough]]), torch.cat([middle[rough], high[rough]])
    return torch.cat([z for z, _ in kept]), torch.cat([w for _, w in kept])


def _panels(low: Tensor, high: Tensor, points: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    half = (high - low)[:, None] / 2
    z = (high + low)[:, None] / 2 + half * points
    return z, half * shares * torch.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def _sums(f: Activation, root: float, z: Tensor, weights: Tensor) -> Tensor:
    return (f.function(root * z.flatten()).reshape(z.shape) * weights).sum(1)
