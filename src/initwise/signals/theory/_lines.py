"""Where depth does least harm: critical weights and biases, half-stable ones, and what batch norm and skips do."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

from initwise._arguments import Arguments
from initwise.errors import ArgumentError
from initwise.signals.theory import _moments
from initwise.signals.theory._depth import DepthMap
from initwise.signals.theory._functions import Activation, resolved
from initwise.signals.theory._roots import brackets, root

Named = str | Callable[..., Any] | Activation


class Critical(NamedTuple):
    """Variances of weights (times fan_in) and biases at which chi = 1 at the variance q, which layers then keep."""

    weight_variance: float
    q: float
    bias_variance: float


class HalfStable(NamedTuple):
    """The variance q that layers keep, with slope 1 and chi = 1, and the variances that make it so."""

    q: float
    weight_variance: float
    bias_variance: float


def critical(activation: Named, bias_variance: float | None = None, *, q: float | None = None) -> Critical:
    """Return (sw2, q, sb2) with q = sw2 E f(sqrt(q) z)^2 + sb2 and chi = sw2 E f'(sqrt(q) z)^2 = 1: the edge of chaos.

    It is a line: choose the bias variance (0 by default), or the variance q that layers should keep. Whether q is
    stable is another question, which `DepthMap.fixed_points` answers. A homogeneous activation without bias is critical
    at every q; q is then 1 unless it is given.

    Raises:
        ArgumentError: no such point has q from 1e-6 to 1e6, or it needs a negative bias variance; both were given.

    >>> weight_variance, q, _ = critical("tanh", 0.05)
    >>> round(weight_variance, 7), round(q, 5)
    (1.7609546, 0.57005)
    >>> round(critical("tanh", q=0.57005).bias_variance, 5)
    0.05
    """
    check = Arguments("critical")
    if bias_variance is not None and q is not None:
        check.refuse("both bias_variance and q are given; one of them decides the other")
    if bias_variance is not None and check.number("bias_variance", bias_variance) < 0:
        check.refuse(f"bias_variance is {bias_variance}, and a variance is not negative")
    if q is not None and not 1e-6 <= check.number("q", q) <= 1e6:
        check.refuse(f"q is {q}, and must be from 1e-6 to 1e6")
    check.done()
    f = resolved("critical", activation)
    return _at_bias(f, bias_variance or 0.0) if q is None else _at_variance(f, q)


def _at_variance(f: Activation, q: float) -> Critical:
    slope = _moments.slope_square(f, q)
    bias = q - _moments.square(f, q) / slope if slope > 0 else -math.inf
    if bias < -1e-12 * q:
        raise ArgumentError(
            f"critical: {f.name} has chi = 1 at q = {q:.6g} only with a bias variance of {bias:.6g}, and a variance is"
            f" not negative; choose another q"
        )
    return Critical(1 / slope, q, bias if bias > 1e-12 * q else 0.0)


def _at_bias(f: Activation, bias_variance: float) -> Critical:
    if bias_variance == 0 and f.is_homogeneous:
        return Critical(1 / _moments.slope_square(f, 1.0), 1.0, 0.0)
    if bias_variance == 0 and f.at_zero == 0 and f.slope_at_zero > 0:
        return Critical(1 / f.slope_at_zero, 0.0, 0.0)

    def off(squares: Any, slopes: Any, q: Any) -> Any:
        return (squares / slopes + bias_variance) / q - 1

    squares, slopes, _ = _moments.scanned(f)
    q = _solved(
        off(squares, slopes, _moments.SCAN), lambda q: off(_moments.square(f, q), _moments.slope_square(f, q), q)
    )
    if f.is_homogeneous or q is None:
        raise ArgumentError(
            f"critical: {f.name} with a bias variance of {bias_variance} has no variance from 1e-6 to 1e6 that layers"
            f" keep with chi = 1; choose another bias variance (0 for homogeneous activations)"
        )
    return Critical(1 / _moments.slope_square(f, q), q, bias_variance)


def half_stable(activation: Named) -> HalfStable:
    """Return the variances with which activations that have no critical line, such as GELU, come nearest to one.

    At q both chi and the slope of the variance are 1: variances above come back, those below drift away slowly.
    From Roberts, Yaida and Hanin 2021 (arXiv 2106.10165), chapter 5.3.4.

    Raises:
        ArgumentError: no such point has q from 1e-6 to 1e6; tanh and its kin have a critical line instead.

    >>> point = half_stable("gelu")
    >>> round(point.q, 9), round(point.weight_variance, 9), round(point.bias_variance, 9)
    (3.561552813, 1.983058257, 0.172922391)
    """
    f = resolved("half_stable", activation)
    if not f.is_homogeneous:
        _, slopes, rises = _moments.scanned(f)
        q = _solved(rises / slopes - 1, lambda q: _moments.square_slope(f, q) / _moments.slope_square(f, q) - 1)
        weights = 0.0 if q is None else 1 / _moments.slope_square(f, q)
        biases = 0.0 if q is None else q - weights * _moments.square(f, q)
        if q is not None and biases >= 0:
            return HalfStable(q, weights, biases)
    raise ArgumentError(
        f"half_stable: {f.name} keeps no variance from 1e-6 to 1e6 with both chi and slope 1; use critical({f.name!r})"
    )


def _solved(values: Tensor, function: Callable[[float], float]) -> float | None:
    """Return the first root over q, bracketed by a scan."""
    for low, high in brackets(_moments.SCAN.log().tolist(), values.tolist(), 1e-9):
        place = root(lambda log: function(math.exp(log)), low, high)
        if place is not None:
            return math.exp(place)
    return None


def batch_norm_growth(activation: Named) -> float:
    """Return E f'(z)^2 / Var f(z): the growth of squared gradients in each layer that has a batch norm.

    From Yang et al. 2019 (arXiv 1902.08129).

    Raises:
        ArgumentError: a constant activation.

    >>> round(batch_norm_growth("relu"), 6)
    1.466942
    """
    f = resolved("batch_norm_growth", activation)
    spread = _moments.square(f, 1.0) - _moments.mean(f, 1.0) ** 2
    if not spread > 0:
        raise ArgumentError(f"batch_norm_growth: {f.name} is constant; a norm has nothing to scale")
    return _moments.slope_square(f, 1.0) / spread


def residual_trajectory(layer: DepthMap, q0: float, depth: int, *, scale: float = 1.0) -> tuple[float, ...]:
    """Return the variances on a residual stream, q' = q + scale^2 (sw2 E f(sqrt(q) z)^2 + sb2).

    Branches that keep the variance double it in each block, unless they are scaled down.

    >>> residual_trajectory(DepthMap("relu", 2.0), 1.0, 4)
    (1.0, 2.0, 4.0, 8.0, 16.0)
    """
    check = Arguments("residual_trajectory")
    if check.number("q0", q0) < 0:
        check.refuse(f"q0 is {q0}, and a variance is not negative")
    check.integer("depth", depth, least=0)
    check.number("scale", scale)
    check.done()
    found = [float(q0)]
    for _ in range(depth):
        if not found[-1] < 1e30:
            break
        found.append(found[-1] + scale**2 * layer.variance(found[-1]))
    return tuple(found)
