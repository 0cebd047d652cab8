"""What becomes of signals in one chain: layer by layer with each layer's law, and in the end if it goes on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from initwise.signals.theory import _moments
from initwise.signals.theory._depth import DepthMap, FixedPoint, Phase, phase_of
from initwise.signals.theory._functions import Activation
from initwise.signals.theory._lines import batch_norm_growth

_BOUND = 1e30
_FAR = 1e6  # beyond it activations look as they do there, and quadrature takes long to find their bends


@dataclass(frozen=True)
class Fate:
    """Where variances tend to (None for nowhere), and what holds there."""

    fixed_point: float | None
    chi: float
    correlation_length: float
    phase: Phase


def trajectory(
    f: Activation, weights: Sequence[float], biases: Sequence[float], q0: float, norm: str
) -> tuple[tuple[float, ...], list[float]]:
    """Return the variance of each layer's output, and by what factor each but the first multiplies squared gradients.

    It stops where variances leave all bounds.
    """
    q, slopes = [weights[0] * q0 + biases[0]], []
    for weight, bias in zip(weights[1:], biases[1:], strict=True):
        if not q[-1] < _BOUND:
            break
        square, slope = _moments.quick(f, 1.0 if norm else q[-1])
        slopes.append(weight * slope / (q[-1] if norm else 1.0))
        q.append(weight * square + bias)
    return tuple(q), slopes or [math.inf]


def fate(f: Activation, weight: float, bias: float, q: float, norm: str) -> Fate:
    """Return what a chain with these variances tends to, whose layers have come to the variance q."""
    if norm == "batch":
        growth = batch_norm_growth(f)
        return Fate(weight * _moments.square(f, 1.0) + bias, growth, math.nan, phase_of(growth))
    if norm:
        # A norm divides by what the layer made, so that each activation is given the variance 1.
        made = weight * _moments.square(f, 1.0) + bias
        return _at(DepthMap(f, weight / made, bias / made), 1.0, made)
    layer, q = DepthMap(f, weight, bias), min(_BOUND, q)  # NaN too
    end = _end(layer, q)
    return _at(layer, q if end is None else end.q, None if end is None else end.q)


def _at(layer: DepthMap, q: float, told: float | None) -> Fate:
    chi = layer.chi(q)
    return Fate(told, chi, layer.correlation_length(q), phase_of(chi))


def _end(layer: DepthMap, q: float) -> FixedPoint | None:
    """Return the stable fixed point that q tends to: the next one above where it grows, else the next one below."""
    points = list(layer.fixed_points())
    if layer.variance(q) > q:
        ahead = [each for each in points if each.q >= q]
        return ahead[0] if ahead and ahead[0].stable else None
    ahead = [each for each in points if each.q <= q]
    return ahead[-1] if ahead and (ahead[-1].stable or ahead[-1].slope < 1 + 1e-9) else None
