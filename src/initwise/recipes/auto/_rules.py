"""How each family of operations changes the moments of a signal; operations without a rule give None: unknown."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from initwise.gains import normal_expectation
from initwise.model import Graph
from initwise.model.graph import Operation, Ref
from initwise.recipes.auto._signal import Curve, Signal, curve_of, from_curve, mixture, product, total

Look = Callable[[int], Signal | None]
SMALLEST = 1e-30


def elementwise(graph: Graph, operation: Operation, look: Look) -> Signal | None:
    """A function of one tensor and constants: integrated over the Gaussian that the tensor is a function of."""
    taken = [index for index in dict.fromkeys(operation.inputs) if not _is_number(graph, index)]
    signals = {index: look(index) for index in taken}
    if any(signal is None for signal in signals.values()) or not signals:
        return None
    curves = {index: curve_of(index, signal) for index, signal in signals.items() if signal is not None}
    if len({(curve.source, curve.variance) for curve in curves.values()}) > 1:
        return None
    first = next(iter(curves.values()))
    size = 1 + sum(curve.size for curve in curves.values())
    key = _key(graph, operation, curves)
    function = _replayed(graph, operation, curves)
    made = Curve(first.source, first.variance, key, function, size, first.together)
    return from_curve(made)


def added(graph: Graph, operation: Operation, look: Look) -> Signal | None:
    """A sum: of functions of one Gaussian exactly, of other tensors as if they were independent."""
    one, other, sign = _pair(graph, operation, look)
    if one is None or other is None:
        return None
    same = elementwise(graph, operation, look) if _same_source(one, other) or _with_number(graph, operation) else None
    return same or total(one, other.scaled(sign))


def multiplied(graph: Graph, operation: Operation, look: Look) -> Signal | None:
    """A product or quotient, likewise."""
    one, other, _ = _pair(graph, operation, look)
    if one is None or other is None:
        return None
    if _same_source(one, other) or _with_number(graph, operation):
        same = elementwise(graph, operation, look)
        if same is not None:
            return same
    if "div" in operation.name:
        size = other.square
        return one.bare().scaled(size**-0.5) if size > SMALLEST else None
    return product(one, other)


def pooled(signal: Signal, count: int) -> Signal:
    """An average over `count` positions: what two of them share stays."""
    square = signal.pair + (signal.square - signal.pair) / max(1, count)
    return Signal(signal.mean, square, pair=signal.pair)


def largest(value: int, signal: Signal, count: int) -> Signal:
    """The largest of `count` positions: of as many independent ones as their correlation leaves."""
    curve = curve_of(value, signal)
    independent = max(1, count) ** (1 - curve.together)
    spread = math.sqrt(curve.variance) if math.isfinite(curve.variance) else 0.0
    if spread == 0:
        return signal.bare()

    def density(z: Tensor) -> Tensor:
        made: Tensor = independent * torch.special.ndtr(z) ** (independent - 1)
        return made

    try:
        with torch.device("cpu"), torch.no_grad():
            mean = normal_expectation(lambda z: curve.function(spread * z) * density(z))
            square = normal_expectation(lambda z: curve.function(spread * z) ** 2 * density(z))
    except (RuntimeError, TypeError, ValueError):
        return signal.bare()
    shared = mean**2 + curve.together * max(0.0, square - mean**2)
    return Signal(mean, square, pair=shared) if math.isfinite(square) else signal.bare()


def averaged(graph: Graph, operation: Operation, signal: Signal) -> Signal:
    """A mean over axes: over features it leaves the mean, over positions what they have in common."""
    taken = graph.values[operation.inputs[0]].tensor
    made = graph.values[operation.outputs[0]].tensor
    count = taken.numel() // max(1, made.numel())
    if _over_features(operation, taken):
        return Signal(signal.mean, signal.mean**2 + signal.variance / max(1, count))
    return pooled(signal, count)


def summed(graph: Graph, operation: Operation, signal: Signal) -> Signal:
    """A sum over axes of independent elements."""
    taken = graph.values[operation.inputs[0]].tensor
    count = taken.numel() // max(1, graph.values[operation.outputs[0]].tensor.numel())
    return Signal(count * signal.mean, (count * signal.mean) ** 2 + count * signal.variance)


def joined(graph: Graph, operation: Operation, look: Look) -> Signal | None:
    """Tensors side by side."""
    parts = [(look(index), graph.values[index].tensor.numel()) for index in operation.inputs]
    known = [(signal, size) for signal, size in parts if signal is not None and size]
    return mixture(known) if known else None


def normalized(graph: Graph, operation: Operation, signal: Signal) -> Signal:
    """A norm: the second moment (of what is left without the mean) becomes one, but for eps."""
    name = operation.name
    if name == "normalize":
        taken = graph.values[operation.inputs[0]].tensor
        axis = operation.argument(2, "dim", 1)
        length = taken.shape[axis] if isinstance(axis, int) and taken.dim() else 1
        return Signal(0.0, 1.0 / max(1, length))
    eps = _epsilon(operation)
    if name == "rms_norm":
        return of_size_one(signal, eps)
    size = max(signal.variance + eps, SMALLEST)
    shared = 0.0 if name == "batch_norm" else max(0.0, signal.pair - signal.mean**2) / size
    return Signal(0.0, signal.variance / size, pair=shared)


def of_size_one(signal: Signal, eps: float) -> Signal:
    """A signal divided by its root mean square."""
    size = max(signal.square + eps, SMALLEST)
    return Signal(signal.mean / math.sqrt(size), signal.square / size, pair=signal.pair / size)


def _epsilon(operation: Operation) -> float:
    place = {"layer_norm": 4, "rms_norm": 3, "group_norm": 4, "batch_norm": 7, "instance_norm": 7}.get(
        operation.name, 99
    )
    found = operation.argument(place, "eps", 1e-5)
    return float(found) if isinstance(found, (int, float)) else 1e-5


def _over_features(operation: Operation, taken: Tensor) -> bool:
    axes = operation.argument(1, "dim", None)
    last = (-1, taken.dim() - 1)
    found = axes if isinstance(axes, (tuple, list)) else (axes,)
    return len(found) == 1 and found[0] in last and taken.dim() <= 3


def _pair(graph: Graph, operation: Operation, look: Look) -> tuple[Signal | None, Signal | None, float]:
    operands = [_operand(graph, each, look) for each in operation.args[:2]]
    if len(operands) < 2:
        operands += [_operand(graph, operation.kwargs.get("other"), look)]
    sign = -1.0 if "sub" in operation.name else 1.0
    alpha = operation.kwargs.get("alpha", 1)
    return operands[0], operands[1], sign * (alpha if isinstance(alpha, (int, float)) else 1.0)


def _operand(graph: Graph, operand: Any, look: Look) -> Signal | None:
    if isinstance(operand, Ref):
        return look(operand.value)
    if isinstance(operand, (int, float)):
        return Signal(float(operand), float(operand) ** 2)
    return None


def _same_source(one: Signal, other: Signal) -> bool:
    return one.curve is not None and other.curve is not None and one.curve.source == other.curve.source


def _with_number(graph: Graph, operation: Operation) -> bool:
    """Tell whether one of the operands is a number."""
    numbers = [each for each in operation.args[:2] if not isinstance(each, Ref) or _is_number(graph, each.value)]
    return bool(numbers)


def _is_number(graph: Graph, index: int) -> bool:
    value = graph.values[index]
    return value.kind in ("constant", "buffer") and not value.tensor.is_meta and value.tensor.numel() == 1


def _key(graph: Graph, operation: Operation, curves: dict[int, Curve]) -> Any:
    def told(each: Any) -> Any:
        if isinstance(each, Ref):
            return curves[each.value].key if each.value in curves else float(graph.values[each.value].tensor)
        return repr(each)

    named = tuple(sorted((name, told(each)) for name, each in operation.kwargs.items()))
    return (operation.name, tuple(told(each) for each in operation.args), named)


def _replayed(graph: Graph, operation: Operation, curves: dict[int, Curve]) -> Callable[[Tensor], Tensor]:
    """Return the operation as a function of the Gaussian behind its operands."""

    def function(z: Tensor) -> Tensor:
        def filled(each: Any) -> Any:
            if not isinstance(each, Ref):
                return each
            if each.value in curves:
                return curves[each.value].function(z).clone()
            return float(graph.values[each.value].tensor)

        args = [filled(each) for each in operation.args]
        kwargs = {name: filled(each) for name, each in operation.kwargs.items()}
        made: Tensor = operation.function(*args, **kwargs)
        return made

    return function
