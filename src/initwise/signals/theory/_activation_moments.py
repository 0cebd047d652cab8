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
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.gains._quadrature import _rule, near_edges, surprise
from initwise.signals.theory._functions import Activation, resolved

_STEP = 0.025  # of log sqrt(q), from one entry of the table to the next
_SPAN = 48  # entries: about a decade of q; tables start and end at multiples of it
_NODES = (-2, -1, 0, 1, 2, 3)  # the entries that a value is interpolated from
_LEAST, _MOST = 1e-30, 1e30
_REACH = 14.0  # standard deviations, as for `normal_expectation`
_INNERMOST = 2.0**-16  # of the smallest standard deviation: f is straight within
_HALVINGS, _PRECISE = 44, 1e-11
_ROUNDING = 1e-15  # of x and f(x); where it is what panels differ by, halves are no better
_PANELS = 1 << 17
_TINY = 1e-300

Function = str | Callable[..., Any] | Activation


class Moments(NamedTuple):
    """E f, E f^2 and E f'^2 at each of the variances."""

    mean: Tensor
    square: Tensor
    slope_square: Tensor


def activation_moments(activation: Function, q: Tensor) -> Moments:
    """Return E f(x), E f(x)^2 and E f'(x)^2 for x ~ N(0, q) at each q, to six digits or more.

    The first call for an activation makes a table, some tenths of a second; the next ones take a millisecond for
    thousands of variances. Modules may change from call to call, so that theirs is made each time.

    Args:
        activation: a name that `initwise.gain` knows, a module, or an element-wise function of a tensor.
        q: variances, a floating tensor of any shape; each is 0 or from 1e-30 to 1e30.

    Returns:
        Three float64 tensors of q's shape.

    Raises:
        ArgumentError: an activation that is unknown, not element-wise or oscillates too fast for these q; a variance
            out of bounds or NaN.
        ArgumentTypeError: q is no floating tensor.

    >>> mean, square, slope_square = activation_moments("relu", torch.tensor([0.0, 1.0, 4.0]))
    >>> [[round(float(each), 6) for each in row] for row in (mean, square, slope_square)]
    [[0.0, 0.398942, 0.797885], [0.0, 0.5, 2.0], [0.5, 0.5, 0.5]]
    """
    flat = _variances(q)
    module = isinstance(activation, nn.Module)
    f = (resolved if module else _resolved)("activation_moments", activation)
    positive = flat > 0
    found = torch.empty(len(flat), 3, dtype=torch.float64)
    found[~positive] = torch.tensor([f.at_zero, f.at_zero**2, f.slope_at_zero], dtype=torch.float64)
    if bool(positive.any()):
        chosen = flat[positive]
        low, high = math.floor(_entry(chosen.min()) / _SPAN), math.ceil(_entry(chosen.max()) / _SPAN)
        table = (_table if module else _kept_table)(f, low * _SPAN, high * _SPAN)
        found[positive] = _read(table, low * _SPAN, chosen)
    return Moments(*(each.reshape(q.shape) for each in found.unbind(1)))


def _variances(q: Tensor) -> Tensor:
    given: object = q
    if not isinstance(given, Tensor) or not given.is_floating_point():
        raise ArgumentTypeError(f"activation_moments: q is {show(q)}; give a floating tensor of variances")
    flat = q.detach().to("cpu", torch.float64).flatten()
    allowed = (flat == 0) | ((flat >= _LEAST) & (flat <= _MOST))
    if not bool(allowed.all()):
        check = Arguments("activation_moments")
        check.refuse(f"q holds {float(flat[~allowed][0])}; each variance must be 0 or from {_LEAST} to {_MOST}")
        check.done()
    return flat


def _entry(q: Tensor) -> float:
    """Return where a variance lies among the entries of tables."""
    return math.log(float(q)) / (2 * _STEP)


def _read(table: Tensor, low: int, q: Tensor) -> Tensor:
    """Return the moments at each q: Lagrange's polynomial through the six nearest entries."""
    place = q.log() / (2 * _STEP) - low
    first = place.floor()
    offset, index = place - first, first.long() - _NODES[0]
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
    """Return (E f / sqrt(E f^2), log E f^2, log E f'^2) from entry `low` to `high`, and at some beyond."""
    entries = torch.arange(low + _NODES[0], high + _NODES[-1] + 1, dtype=torch.float64)
    sigmas = (entries * _STEP).exp()
    x, weights = _places(f, float(sigmas[0]), float(sigmas[-1]))
    values, slopes = f.function(x), f.derivative(x)
    columns = torch.stack([values, values**2, slopes**2], 1) * weights[:, None]
    rows = []
    for sigma, count in zip(sigmas, torch.searchsorted(x.abs(), _REACH * sigmas).tolist(), strict=True):
        density = torch.exp(-((x[:count] / sigma) ** 2) / 2) / (sigma * math.sqrt(2 * math.pi))
        rows.append(density @ columns[:count])
    mean, square, slope_square = torch.stack(rows).unbind(1)
    square = square.clamp(min=_TINY)
    return torch.stack([mean / square.sqrt(), square.log(), slope_square.clamp(min=_TINY).log()], 1)


_kept_table = lru_cache(maxsize=64)(_table)
_resolved = lru_cache(maxsize=64)(resolved)


def _places(f: Activation, least: float, most: float) -> tuple[Tensor, Tensor]:
    """Return nodes and weights of integrals over x that serve all standard deviations, the nearest to 0 first."""
    inner = least * _INNERMOST
    count = 4 * math.ceil(math.log2(_REACH * most / inner))
    edges = torch.cat([torch.zeros(1, dtype=torch.float64), inner * 2.0 ** (torch.arange(count + 1).double() / 4)])
    low, high = torch.cat([edges[:-1], -edges[1:]]), torch.cat([edges[1:], -edges[:-1]])
    kept: list[tuple[Tensor, Tensor]] = []
    coarse, allowed, _ = _sums(f, low, high)  # what is allowed of a whole panel is allowed for each of its parts
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        (left, _, jump), (right, _, other) = _sums(f, low, middle), _sums(f, middle, high)
        rough = ((left + right - coarse).abs() > allowed).any(1) | jump | other
        kept.append((low[~rough], high[~rough]))
        low, high = torch.cat([low[rough], middle[rough]]), torch.cat([middle[rough], high[rough]])
        coarse, allowed = torch.cat([left[rough], right[rough]]), allowed[rough].repeat(2, 1)
        if not len(low):
            break
        if len(low) > _PANELS:
            raise ArgumentError(
                f"activation_moments: {f.name} oscillates too fast for the variance {most**2:.3g}; give smaller ones"
            )
    low, high = (torch.cat(each) for each in zip(*kept, (low, high), strict=True))
    x, weights = (each.flatten() for each in _nodes(low, high))
    order = x.abs().argsort()
    return x[order], weights[order]


def _sums(f: Activation, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the integrals of f, f^2 and f'^2 over each panel, what they may be off by, and whether edges hide more."""
    x, weights = _nodes(low, high)
    x = torch.cat([x, near_edges(low, high)], 1)
    values, slopes = (part(x.flatten()).reshape(x.shape) for part in (f.function, f.derivative))
    lost, bent = _ROUNDING * (x.abs() + values.abs()), _ROUNDING * (1 + slopes.abs())
    hidden = _hidden(values, lost) | _hidden(slopes, bent)
    values, slopes, lost, bent = (each[:, :-2] for each in (values, slopes, lost, bent))
    sums = (values, values**2, slopes**2)
    noise = (lost, (2 * values.abs() + lost) * lost, (2 * slopes.abs() + bent) * bent)
    allowed = [_PRECISE * each.abs() + more for each, more in zip(sums, noise, strict=True)]
    found, off = (torch.stack([(each * weights).sum(1) for each in part], 1) for part in (sums, allowed))
    return found, off, hidden


def _hidden(values: Tensor, noise: Tensor) -> Tensor:
    """Tell whether the last two values of each panel, at its edges, are not what the others foretell."""
    inner = values[:, :-2]
    return surprise(inner, values[:, -2:]) > 1e-7 * inner.abs().amax(1) + 100 * noise.amax(1)


def _nodes(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    points, shares = _rule()
    half = ((high - low) / 2)[:, None]
    return ((high + low) / 2)[:, None] + half * points, half * shares
