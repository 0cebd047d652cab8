"""Gaussian moments of one activation at thousands of variances at once: a table over log q, made once, read often.

E f(sqrt(q) z) is the integral of f(x) times a density whose width is sqrt(q). So f is looked at once, at places x that
serve every q; kinks stand still in x, and panels close in on them. The moments are smooth in log q, whatever f is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from initwise._arguments import Arguments, show
from initwise.errors import ArgumentTypeError
from initwise.gains import normal_expectation
from initwise.gains._quadrature import _rule
from initwise.signals.theory._functions import Activation, resolved

_STEP = 0.05  # of log sqrt(q), from one entry of the table to the next
_NODES = (-2, -1, 0, 1, 2, 3)  # the entries that a value is interpolated from
_USUAL = (1e-6, 1e6)  # the variances of a first table
_LEAST, _MOST = 1e-30, 1e30
_REACH = 14.0  # standard deviations, as for `normal_expectation`
_INNERMOST = 2.0**-16  # of the smallest standard deviation: f is straight within
_HALVINGS, _PRECISE = 44, 1e-13
_PANELS = 6000  # more of them, and f is looked at afresh for each of the variances that need them
_TINY = 1e-300


class Moments(NamedTuple):
    """E f, E f^2 and E f'^2 at each of the variances."""

    mean: Tensor
    square: Tensor
    slope_square: Tensor


def activation_moments(activation: str | Callable[..., Any] | Activation, q: Tensor) -> Moments:
    """Return E f(x), E f(x)^2 and E f'(x)^2 for x ~ N(0, q), at each q, with errors below 1e-7 of sqrt(E f^2) or E f^2.

    The first call for an activation takes some tenths of a second; the next ones a fraction of a millisecond per
    thousand variances.

    Args:
        activation: a name that `initwise.gain` knows, a module, or an element-wise function of a tensor.
        q: variances, a floating tensor of any shape; each is 0 or from 1e-30 to 1e30.

    Returns:
        Three float64 tensors of q's shape.

    Raises:
        ArgumentError: an activation that is unknown or not element-wise, a variance out of bounds or NaN.
        ArgumentTypeError: q is no floating tensor.

    >>> mean, square, slope_square = activation_moments("relu", torch.tensor([0.0, 1.0, 4.0]))
    >>> [[round(float(each), 6) for each in row] for row in (mean, square, slope_square)]
    [[0.0, 0.398942, 0.797885], [0.0, 0.5, 2.0], [0.5, 0.5, 0.5]]
    """
    variances = _variances(q)
    f, kept = _resolved(activation)
    flat = variances.flatten()
    positive = flat > 0
    found = torch.empty(len(flat), 3, dtype=torch.float64)
    found[~positive] = torch.tensor([f.at_zero, f.at_zero**2, f.slope_at_zero], dtype=torch.float64)
    if bool(positive.any()):
        low, high = _bounds(float(flat[positive].min()), float(flat[positive].max()))
        table = (_kept_table if kept else _table)(f, low, high)
        found[positive] = _read(table, low, flat[positive])
    return Moments(*(each.reshape(variances.shape) for each in found.unbind(1)))


def _variances(q: object) -> Tensor:
    if not isinstance(q, Tensor) or not q.is_floating_point():
        raise ArgumentTypeError(f"activation_moments: q is {show(q)}; give a floating tensor of variances")
    variances = q.detach().to("cpu", torch.float64)
    allowed = (variances == 0) | ((variances >= _LEAST) & (variances <= _MOST))
    if not bool(allowed.all()):
        check = Arguments("activation_moments")
        check.refuse(f"q holds {float(variances[~allowed][0])}; each variance must be 0 or from {_LEAST} to {_MOST}")
        check.done()
    return variances


def _resolved(activation: str | Callable[..., Any] | Activation) -> tuple[Activation, bool]:
    """Return the activation, and whether it will be the same the next time; modules may change under our hands."""
    if isinstance(activation, nn.Module):
        return resolved("activation_moments", activation), False
    return _kept(activation), True


@lru_cache(maxsize=64)
def _kept(activation: str | Callable[..., Any] | Activation) -> Activation:
    return resolved("activation_moments", activation)


def _bounds(least: float, most: float) -> tuple[int, int]:
    """Return the first and the last entry of a table that covers the variances, in steps of whole decades or so."""
    low, high = min(least, _USUAL[0]), max(most, _USUAL[1])
    decade = round(math.log(10) / 2 / _STEP)
    return (
        math.floor(math.log(low) / 2 / _STEP / decade) * decade,
        math.ceil(math.log(high) / 2 / _STEP / decade) * decade,
    )


def _read(table: Tensor, low: int, q: Tensor) -> Tensor:
    """Return the moments at each q: Lagrange's polynomial through the six nearest entries."""
    place = q.log() / (2 * _STEP) - low - _NODES[0]
    first = place.floor()
    offset, index = place - first, first.long()
    found = torch.zeros(len(q), 3, dtype=torch.float64)
    for node in _NODES:
        weight = torch.ones_like(offset)
        for other in _NODES:
            if other != node:
                weight = weight * (offset - other) / (node - other)
        found = found + weight[:, None] * table[index + node]
    square = found[:, 1].exp()
    return torch.stack([found[:, 0] * square.sqrt(), square, found[:, 2].exp()], 1)


def _table(f: Activation, low: int, high: int) -> Tensor:
    """Return (E f / sqrt(E f^2), log E f^2, log E f'^2) at entries from a bit below `low` to a bit above `high`."""
    entries = torch.arange(low + _NODES[0], high + _NODES[-1] + 1, dtype=torch.float64)
    sigmas = (entries * _STEP).exp()
    x, weights, seen = _places(f, float(sigmas[0]), float(sigmas[-1]))
    values, slopes = f.function(x), f.derivative(x)
    columns = torch.stack([values, values**2, slopes**2], 1) * weights[:, None]
    rows = [
        torch.exp(-((x / sigma) ** 2) / 2) @ columns / (sigma * math.sqrt(2 * math.pi))
        if _REACH * sigma <= seen
        else _afresh(f, float(sigma))
        for sigma in sigmas
    ]
    mean, square, slope_square = torch.stack(rows).unbind(1)
    square = square.clamp(min=_TINY)
    return torch.stack([mean / square.sqrt(), square.log(), slope_square.clamp(min=_TINY).log()], 1)


_kept_table = lru_cache(maxsize=64)(_table)


def _afresh(f: Activation, sigma: float) -> Tensor:
    """Return the three moments at one standard deviation, of a function that has too many details for one table."""
    parts: tuple[Callable[[Tensor], Tensor], ...] = (
        lambda z: f.function(sigma * z),
        lambda z: f.function(sigma * z) ** 2,
        lambda z: f.derivative(sigma * z) ** 2,
    )
    return torch.tensor([normal_expectation(part) for part in parts], dtype=torch.float64)


def _places(f: Activation, least: float, most: float) -> tuple[Tensor, Tensor, float]:
    """Return nodes and weights of integrals over x that serve all standard deviations, and how far out they do."""
    inner = least * _INNERMOST
    count = 4 * math.ceil(math.log2(_REACH * most / inner))
    edges = torch.cat([torch.zeros(1, dtype=torch.float64), inner * 2.0 ** (torch.arange(count + 1).double() / 4)])
    low, high = torch.cat([edges[:-1], -edges[1:]]), torch.cat([edges[1:], -edges[:-1]])
    kept: list[tuple[Tensor, Tensor]] = []
    seen, total = math.inf, 0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        coarse = _sums(f, low, high)
        fine = _sums(f, low, middle) + _sums(f, middle, high)
        rough = ((fine - coarse).abs() > _PRECISE * fine.abs()).any(1)
        kept.append((low[~rough], high[~rough]))
        total += int((~rough).sum())
        if not bool(rough.any()):
            break
        low, high = _halved(low[rough], middle[rough], high[rough])
        if total + len(low) > _PANELS:
            seen = float(torch.minimum(low.abs(), high.abs()).min())
            break
    else:
        kept.append((low, high))
    low, high = (torch.cat(each) for each in zip(*kept, strict=True))
    x, weights = _nodes(low, high)
    return x.flatten(), weights.flatten(), seen


def _halved(low: Tensor, middle: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    return torch.cat([low, middle]), torch.cat([middle, high])


def _sums(f: Activation, low: Tensor, high: Tensor) -> Tensor:
    """Return the integrals of |f|, f^2 and f'^2 over each panel."""
    x, weights = _nodes(low, high)
    values, slopes = (part(x.flatten()).reshape(x.shape) for part in (f.function, f.derivative))
    return torch.stack([(each * weights).sum(1) for each in (values.abs(), values**2, slopes**2)], 1)


def _nodes(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    points, shares = _rule()
    half = ((high - low) / 2)[:, None]
    return ((high + low) / 2)[:, None] + half * points, half * shares
