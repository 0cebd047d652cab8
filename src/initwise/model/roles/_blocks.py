"""Blocks: matrices that one weight packs, seen from what takes the parts of its output, or of the weight itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from initwise.axes import Blocks
from initwise.model.graph import Graph, Operation, Ref
from initwise.model.graph._vocabulary import (
    ACTIVATIONS,
    ADDITIONS,
    ATTENTION,
    INDEXING,
    MATRIX_PRODUCTS,
    NORMS,
    PRODUCTS,
    SOFTMAX,
    TRANSPARENT,
    VIEWS,
)
from initwise.model.roles._flow import Flow

_DEPTH = 40
_KEEPS_LAYOUT = ADDITIONS | frozenset({"dropout", "contiguous", "to", "float", "clone", "clamp"})
_ON_THE_WAY = (
    TRANSPARENT
    | ADDITIONS
    | PRODUCTS
    | NORMS
    | frozenset("cat stack neg repeat_interleave repeat roll clamp sin cos".split())
)


@dataclass(frozen=True)
class _Part:
    start: int
    size: int
    value: int


def output_blocks(graph: Graph, flow: Flow, output: int, feature: int, axis: int, size: int) -> Blocks | None:
    """Return the blocks along a weight's kept axis if the parts of its output go different ways.

    Args:
        output: the value that the weight's operation gave.
        feature: the axis of the output that the weight's kept axis makes, from the end.
        axis, size: that axis of the weight, and its size.
    """
    parts = _parts(graph, flow, output, feature)
    if parts is None or len(parts) < 2:
        return None
    total = graph.values[output].tensor.shape[feature]
    if total != size:
        return None
    ordered = sorted({(part.start, part.size) for part in parts})
    edges = [start for start, _ in ordered]
    ends = [start + count for start, count in ordered]
    if edges[0] != 0 or ends[-1] != total or edges[1:] != ends[:-1]:
        return None
    representatives = [next(part.value for part in parts if part.start == start) for start, _ in ordered]
    names = block_names(graph, flow, representatives)
    return Blocks(axis, names, tuple(count for _, count in ordered))


def block_names(graph: Graph, flow: Flow, values: Sequence[int]) -> tuple[str, ...]:
    """Return `q k v`, `gate up`, or numbers, for the signals that the blocks make."""
    found = [_attention_role(graph, flow, value) for value in values]
    if len(set(found)) == len(found) and all(found):
        return tuple(found)
    if len(values) == 2:
        first, second = (_is_gate(graph, flow, value) for value in values)
        if first != second:
            return ("gate", "up") if first else ("up", "gate")
    return tuple(map(str, range(len(values))))


def _parts(graph: Graph, flow: Flow, output: int, feature: int) -> list[_Part] | None:
    """Return which ranges of the output's features its takers see; None if one sees no plain range."""
    tensor = graph.values[output].tensor
    if not tensor.is_meta or tensor.numel() == 0:
        return None
    step, total = tensor.stride()[feature], tensor.shape[feature]
    found: list[_Part] = []
    waiting = [output]
    base = tensor.untyped_storage()._cdata
    seen: set[int] = set()
    while waiting and len(seen) < _DEPTH * 4:
        value = waiting.pop()
        if value in seen:
            continue
        seen.add(value)
        for operation in graph.users(value):
            if operation.name in VIEWS or operation.name in INDEXING:
                waiting += [each for each in operation.outputs if _within(graph, each, base)]
                if all(_within(graph, each, base) for each in operation.outputs):
                    continue
            whole = graph.values[value].tensor.numel() == tensor.numel()
            if whole and operation.name in _KEEPS_LAYOUT and len(flow.signals(operation)) == 1 and operation.outputs:
                same = graph.values[operation.outputs[0]].tensor.shape == tensor.shape
                inner = _parts(graph, flow, operation.outputs[0], feature) if same and value == output else None
                if inner is not None:
                    found += inner
                    continue
            part = _range(graph, value, step, total)
            if part is None:
                return None
            found.append(part)
    return found


def _within(graph: Graph, value: int, storage: int) -> bool:
    tensor = graph.values[value].tensor
    return tensor.is_meta and tensor.untyped_storage()._cdata == storage


def _range(graph: Graph, value: int, step: int, total: int) -> _Part | None:
    """Return the contiguous range of features that a view covers."""
    tensor = graph.values[value].tensor
    start = tensor.storage_offset() // step % total
    inside = sorted(
        (stride, size)
        for size, stride in zip(tensor.shape, tensor.stride(), strict=True)
        if size > 1 and step <= stride < step * total
    )
    count, expected = 1, step
    for stride, size in inside:
        if stride != expected:
            return None
        count *= size
        expected = stride * size
    return _Part(start, count, value)


def _attention_role(graph: Graph, flow: Flow, value: int) -> str:
    """Return q, k or v if a signal becomes that in an attention; "" if not."""
    waiting, seen = [value], {value}
    while waiting and len(seen) < _DEPTH * 3:
        current = waiting.pop(0)
        for operation in graph.users(current):
            role = _taken_as(graph, flow, operation, current)
            if role:
                return role
            if operation.name in _ON_THE_WAY:
                new = [each for each in operation.outputs if each not in seen]
                seen.update(new)
                waiting += new
    return ""


def _taken_as(graph: Graph, flow: Flow, operation: Operation, value: int) -> str:
    if operation.name in ATTENTION:
        return next((role for place, role in enumerate("qkv") if operation.argument(place, role) == Ref(value)), "")
    if operation.name not in MATRIX_PRODUCTS or len(flow.signals(operation)) != 2:
        return ""
    operands = [each.value for each in operation.args if isinstance(each, Ref) and flow.is_signal(each.value)]
    if value not in operands or len(operands) != 2:
        return ""
    place = operands.index(value)
    if operation.outputs and flow.is_scores(operation.outputs[0]):
        return "qk"[place]
    other = flow.maker(operands[1 - place])
    steps = 0
    while other is not None and other.name in (*TRANSPARENT, *PRODUCTS) and steps < 3:
        inputs = flow.signals(other)
        other = flow.maker(inputs[0]) if inputs else None
        steps += 1
    return "v" if other is not None and other.name in SOFTMAX else ""


def _is_gate(graph: Graph, flow: Flow, value: int) -> bool:
    """Tell whether an activation is the first thing that happens to a signal."""
    for operation, _ in flow.users(value):
        if operation.name in ACTIVATIONS:
            return True
        if operation.name in PRODUCTS and len(flow.signals(operation)) == 2:
            others = [each for each in flow.signals(operation) if each != value]
            maker = flow.maker(others[0]) if others else None
            if maker is not None and maker.name in ACTIVATIONS and value in flow.signals(maker):
                return True  # written out: x * sigmoid(x)
    return False
