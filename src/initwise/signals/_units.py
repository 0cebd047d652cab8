"""Activations: units that are never positive, elements near a bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from initwise.model.graph._vocabulary import CONVOLUTIONS

RECTIFIERS = frozenset("relu relu_ relu6 clamp clamp_ clamp_min clamp_min_ threshold threshold_ hardtanh".split())
_EDGE = 0.03  # of the half range: |tanh| > 0.97
# Bounds of the output.
_BOUNDS: dict[str, tuple[float, float]] = {
    "tanh": (-1.0, 1.0),
    "tanh_": (-1.0, 1.0),
    "rnn_tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "sigmoid_": (0.0, 1.0),
    "special_expit": (0.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
}
_FIRST = CONVOLUTIONS | frozenset("batch_norm instance_norm group_norm sync_batch_norm".split())


def is_rectifier(name: str, argument: Callable[[int, str, Any], Any]) -> bool:
    """Tell whether an operation lets nothing of negative numbers pass, as max(0, x) does.

    >>> is_rectifier("clamp", lambda place, name, default: 0 if name == "min" else default)
    True
    """
    if name.startswith("clamp"):
        return bool(argument(1, "min", None) == 0)
    if name.startswith("threshold"):
        return bool(argument(1, "threshold", None) == 0 and argument(2, "value", None) == 0)
    if name == "hardtanh":
        return bool(argument(1, "min_val", -1.0) == 0)
    return name in RECTIFIERS


def bounds(name: str, argument: Callable[[int, str, Any], Any]) -> tuple[float, float] | None:
    """Return between which numbers the output of a bounded activation lies; None for others."""
    if name == "hardtanh":
        low, high = argument(1, "min_val", -1.0), argument(2, "max_val", 1.0)
        return None if low == 0 else (low, high)
    return _BOUNDS.get(name)


def unit_axis(operation: str) -> int:
    """Return along which axis the units of a layer's output lie."""
    return 1 if operation in _FIRST else -1


def dead_units(output: Tensor, axis: int) -> tuple[int, Tensor]:
    """Return how many units there are, and the share that is positive nowhere."""
    axis %= output.dim()
    others = [each for each in range(output.dim()) if each != axis]
    highest = output.amax(dim=others) if others else output
    return output.shape[axis], (highest <= 0).float().mean()


def saturated(output: Tensor, low: float, high: float) -> Tensor:
    """Return the share of elements within 1.5 % of the range of a bound."""
    middle, reach = (low + high) / 2, (high - low) / 2 * (1 - _EDGE)
    return ((output - middle).abs() > reach).float().mean()


def deviation(given: Tensor, axis: int) -> Tensor:
    """Return the standard deviation of what goes into an activation, around the mean of each unit."""
    axis %= max(given.dim(), 1)
    others = [each for each in range(given.dim()) if each != axis]
    if not others or given.numel() == given.shape[axis]:
        return given.square().mean().sqrt()
    return given.var(dim=others, correction=1).mean().sqrt()
