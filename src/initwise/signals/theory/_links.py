"""From one weight layer to the next: what lies between them in a traced graph, replayed as one function."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from initwise.model.graph import Graph, Operation, Ref, references
from initwise.model.graph._vocabulary import (
    ADDITIONS,
    CONVOLUTIONS,
    COPIES,
    DROPOUTS,
    ELEMENTWISE,
    INDEXING,
    NORMS,
    PLAIN_PRODUCTS,
    PRODUCTS,
    VIEWS,
)

Laws = Mapping[str, tuple[float, float]]
Norm = Literal["", "batch", "layer"]

_PRODUCTS = PLAIN_PRODUCTS | {"linear", "addmm"}
_SAME = (VIEWS | COPIES | DROPOUTS | INDEXING) - {"expand", "expand_as", "broadcast_to", "unfold", "as_strided"}
_POINTWISE = ELEMENTWISE | ADDITIONS | PRODUCTS
_OVER_SAMPLES = frozenset("batch_norm sync_batch_norm native_batch_norm instance_norm".split())
_MOST = 64  # operations between two layers
_OFF = 0.1  # of a law's std, that its mean may be off 0


@dataclass(frozen=True)
class Layer:
    """A weight layer: the operation, its signal, and fan_in * Var w and Var b of what it draws."""

    operation: Operation
    signal: int
    output: int
    weight_variance: float
    bias_variance: float


@dataclass(frozen=True)
class Step:
    """One element-wise operation: its function, and its arguments with the numbers of earlier results in `Ref`s."""

    name: str
    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True)
class Link:
    """What takes one layer's output to the next one's input: a norm or none, and element-wise steps."""

    before: Layer
    after: Layer
    norm: Norm
    steps: tuple[Step, ...]
    added: float = 0.0  # the second moment of biases that are added by themselves

    @property
    def key(self) -> tuple[str, str]:
        """What two links have in common that do the same."""
        return self.norm, repr([(each.name, each.args, each.kwargs) for each in self.steps])

    @property
    def name(self) -> str:
        """The activation's name."""
        return ", ".join(each.name.rstrip("_").strip("_") for each in self.steps) or "linear"

    def activation(self, x: Tensor) -> Tensor:
        """Return what the steps make of a tensor of one dimension."""
        made = [x.clone()]
        for step in self.steps:
            made.append(step.function(*_filled(step.args, made), **_filled(step.kwargs, made)))
        return made[-1]


def layers(graph: Graph, laws: Laws) -> dict[int, Layer]:
    """Return by operation the layers that contract a signal with a parameter of known law, of mean 0."""
    found = {}
    for operation in graph.operations[: graph.forward or None]:
        if operation.name in _PRODUCTS or operation.name in CONVOLUTIONS:
            layer = _layer(graph, operation, laws)
            if layer is not None:
                found[operation.index] = layer
    return found


def _layer(graph: Graph, operation: Operation, laws: Laws) -> Layer | None:
    signals, weights, bias = [], [], 0.0
    for index in operation.inputs:
        name = parameter(graph, index)
        if not name:
            signals.append(index)
        elif name not in laws:
            return None
        elif graph.values[index].tensor.ndim > 1:
            weights.append((index, *laws[name]))
        else:
            bias += laws[name][0] ** 2 + laws[name][1] ** 2
    if len(signals) != 1 or len(weights) != 1 or len(operation.outputs) != 1:
        return None
    index, mean, std = weights[0]
    if not 0 < std < math.inf or abs(mean) > _OFF * std or not math.isfinite(bias):
        return None
    fan = _fan_in(graph, operation, index)
    return Layer(operation, signals[0], operation.outputs[0], fan * std**2, bias)


def _fan_in(graph: Graph, operation: Operation, weight: int) -> float:
    shape = graph.values[weight].tensor.shape
    if operation.name == "linear":
        return shape[1]
    if operation.name in CONVOLUTIONS and "transpose" not in operation.name:
        return math.prod(shape[1:])
    if operation.name in CONVOLUTIONS:  # each output sees a part of the kernel: as many taps as strides leave
        outputs = graph.values[operation.outputs[0]].tensor
        taps = graph.values[operation.inputs[0]].tensor[0, 0].numel() * math.prod(shape[2:]) / outputs[0, 0].numel()
        return shape[0] * shape[1] / outputs.shape[1] * taps
    first = next(references(operation.args), -1) == weight
    return shape[-1] if first and operation.name != "addmm" else shape[-2]


def parameter(graph: Graph, index: int) -> str:
    """Return the name of the parameter that a value is, in the same or another shape; "" for none."""
    while graph.values[index].kind == "activation":
        maker = graph.maker(index)
        if maker is None or maker.name not in VIEWS | COPIES or len(maker.inputs) != 1 or not _same_size(graph, maker):
            return ""
        index = maker.inputs[0]
    return graph.values[index].name if graph.values[index].kind == "parameter" else ""


def link(graph: Graph, known: Mapping[int, Layer], after: Layer, laws: Laws) -> Link | None:
    """Return what lies between a layer and the one before it; None where that is no plain chain."""
    norm: Norm = ""
    source, steps, inside, added = _between(graph, known, after.signal, laws)
    maker = graph.maker(source)
    if maker is not None and maker.name in NORMS:
        if not _plain_norm(graph, maker, laws):
            return None
        norm = _kind(graph, maker)
        inside.add(maker.index)
        source, more, above, given = _between(graph, known, maker.args[0].value, laws)
        if more:
            return None
        inside |= above
        added += 0.0 if norm else given
        maker = graph.maker(source)
    before = None if maker is None else known.get(maker.index)
    if before is None or not _closed(graph, source, inside | {after.operation.index}):
        return None
    return Link(before, after, norm, tuple(steps), added)


def _between(graph: Graph, known: Mapping[int, Layer], end: int, laws: Laws) -> tuple[int, list[Step], set[int], float]:
    """Return the one value that `end` is an element-wise function of, the steps, the operations, and added biases.

    Where there is no such value, it is `end` itself, with no steps.
    """
    inside: set[int] = set()
    waiting, sources = [end], set()
    while waiting:
        index = waiting.pop()
        maker = graph.maker(index)
        if maker is None or maker.index in known or not _passes(graph, maker, laws):
            sources.add(index)
        elif maker.index not in inside:
            inside.add(maker.index)
            waiting += _signals(graph, maker)
    if len(sources) != 1 or len(inside) > _MOST:
        return end, [], set(), 0.0
    source = sources.pop()
    found = _steps(graph, source, inside, laws)
    return (end, [], set(), 0.0) if found is None else (source, found[0], inside, found[1])


def _signals(graph: Graph, operation: Operation) -> list[int]:
    """Return the inputs that depend on the model's input: neither numbers nor parameters."""
    return [
        index
        for index in operation.inputs
        if graph.values[index].kind in ("activation", "input") and not parameter(graph, index)
    ]


def _passes(graph: Graph, operation: Operation, laws: Laws) -> bool:
    """Tell whether an operation acts on each element by itself, with nothing else than numbers."""
    if operation.name not in _SAME | _POINTWISE or len(operation.outputs) != 1:
        return False
    signals = _signals(graph, operation)
    size = graph.values[operation.outputs[0]].tensor.numel()
    if not signals or any(graph.values[each].tensor.numel() != size for each in signals):
        return False
    if operation.name in _SAME:
        return len(signals) == 1
    others = [each for each in operation.inputs if each not in signals]
    return all(_number(graph, each, laws) is not None or _is_bias(graph, operation, each, laws) for each in others)


def _is_bias(graph: Graph, operation: Operation, index: int, laws: Laws) -> bool:
    alone = len(operation.inputs) == 2 and len(_signals(graph, operation)) == 1
    return operation.name in ADDITIONS and alone and parameter(graph, index) in laws


def _number(graph: Graph, index: int, laws: Laws) -> Tensor | None:
    """Return the one number that a constant or a parameter holds."""
    name = parameter(graph, index)
    if name:
        mean, std = laws.get(name, (0.0, 1.0))
        return torch.tensor(mean, dtype=torch.float64) if std == 0 else None
    tensor = graph.values[index].tensor
    return tensor.reshape(()) if tensor.numel() == 1 and tensor.device.type != "meta" else None


def _steps(graph: Graph, source: int, inside: set[int], laws: Laws) -> tuple[list[Step], float] | None:
    """Return the operations to replay, with numbers for their arguments, and the variance of biases before them."""
    steps: list[Step] = []
    places, bias = {source: 0}, 0.0
    for index in sorted(inside):
        operation = graph.operations[index]
        signals = _signals(graph, operation)
        others = [each for each in operation.inputs if each not in signals]
        added = [each for each in others if _is_bias(graph, operation, each, laws)]
        if operation.name in _SAME or (added and not steps):
            places[operation.outputs[0]] = places[signals[0]]
            bias += sum(mean**2 + std**2 for mean, std in (laws[parameter(graph, each)] for each in added))
            continue
        if added:
            return None
        fill: dict[int, Any] = {each: Ref(places[each]) for each in signals}
        fill |= {each: _number(graph, each, laws) for each in others}
        steps.append(Step(operation.name, operation.function, _put(operation.args, fill), _put(operation.kwargs, fill)))
        places[operation.outputs[0]] = len(steps)
    return steps, bias


def _put(structure: Any, values: Mapping[int, Any]) -> Any:
    """Return arguments with values put in the places of their `Ref`s."""
    if isinstance(structure, Ref):
        return values[structure.value]
    if isinstance(structure, (tuple, list)):
        return type(structure)(_put(each, values) for each in structure)
    if isinstance(structure, dict):
        return {key: _put(each, values) for key, each in structure.items()}
    return structure


def _filled(structure: Any, made: list[Tensor]) -> Any:
    return _put(structure, dict(enumerate(made)))


def _same_size(graph: Graph, operation: Operation) -> bool:
    sizes = {graph.values[each].tensor.numel() for each in (*operation.inputs, *operation.outputs)}
    return len(sizes) == 1


def _closed(graph: Graph, source: int, inside: set[int]) -> bool:
    """Tell whether nothing outside takes what is computed between two layers."""
    values = {source, *(each for index in inside for each in graph.operations[index].outputs)}
    values -= {each for index in inside for each in graph.operations[index].outputs if index == max(inside)}
    return all(index not in graph.is_output and set(graph.values[index].users) <= inside for index in values)


def _plain_norm(graph: Graph, norm: Operation, laws: Laws) -> bool:
    """Tell whether a norm's own scale is 1 and its shift 0."""
    if not norm.args or not isinstance(norm.args[0], Ref):
        return False
    named = [parameter(graph, each) for each in norm.inputs if each != norm.args[0].value]
    found = [laws.get(name, (math.nan, math.nan)) for name in named if name]
    return sorted(found) in ([], [(1.0, 0.0)], [(0.0, 0.0), (1.0, 0.0)])


def _kind(graph: Graph, norm: Operation) -> Norm:
    """Return what a norm takes its statistics over; "" for a batch norm in evaluation mode, which changes nothing."""
    if norm.name not in _OVER_SAMPLES:
        return "layer"
    fresh = norm.name == "instance_norm" or norm.argument(5, "training", graph.training)
    return "batch" if fresh else ""
