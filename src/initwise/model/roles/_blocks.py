"""Blocks: matrices that one weight packs, seen from what takes the parts of its output, or of the weight itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

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
from initwise.model.roles._pieces import repeated

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
class Part:
    """A range of an output's features: where it starts, its size, the value that holds it, and its name if known."""

    start: int
    size: int
    value: int
    name: str = ""


def output_parts(graph: Graph, flow: Flow, output: int, feature: int, size: int) -> list[Part]:
    """Return the ranges of a weight's output that go different ways, in order; the whole if they do not tile it.

    Args:
        output: the value that the weight's operation gave.
        feature: the axis of the output that the weight's kept axis makes, from the end.
        size: what of the weight's kept axis makes it.
    """
    whole = [Part(0, size, output)]
    tensor = graph.values[output].tensor
    if not -tensor.dim() <= feature < tensor.dim() or tensor.shape[feature] != size:
        return whole
    parts = _parts(graph, flow, output, feature) or whole
    first: dict[tuple[int, int], Part] = {}
    for part in parts:
        first.setdefault((part.start, part.size), part)
    ordered = [first[each] for each in sorted(first)]
    ends = [part.start + part.size for part in ordered]
    return ordered if [part.start for part in ordered] == [0, *ends[:-1]] and ends[-1] == size else whole


def named_blocks(graph: Graph, flow: Flow, axis: int, parts: Sequence[Part]) -> Blocks | None:
    """Return the blocks that parts make along a weight's axis; None for a single one."""
    if len(parts) < 2:
        return None
    names = tuple(part.name for part in parts)
    if not all(names):
        values = [part.value for part in parts]
        names = tuple(map(str, range(len(parts)))) if -1 in values else block_names(graph, flow, values)
    return Blocks(axis, names, tuple(part.size for part in parts))


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


def _parts(graph: Graph, flow: Flow, output: int, feature: int) -> list[Part] | None:
    """Return which ranges of the output's features its takers see; None if one sees no plain range."""
    tensor = graph.values[output].tensor
    if not tensor.is_meta or tensor.numel() == 0:
        return None
    step, total = tensor.stride()[feature], tensor.shape[feature]
    found: list[Part] = []
    waiting, seen = [(output, tensor)], {output}
    while waiting and len(seen) < _DEPTH * 4:
        value, shadow = waiting.pop()
        operations = graph.users(value)
        for operation in operations:
            carried = _carried(graph, flow, operation, value, shadow)
            if carried is not None:
                waiting += [each for each in carried if each[0] not in seen]
                seen.update(each for each, _ in carried)
                continue
            part = _range(shadow, value, step, total)
            if part is None:
                return None
            if operation.name == "glu" and _along(operation, shadow.dim(), feature):
                half = part.size // 2
                found += [Part(part.start, half, value, "up"), Part(part.start + half, half, value, "gate")]
            else:
                found.append(part)
        if not operations and value in graph.is_output:
            part = _range(shadow, value, step, total)
            if part is None:
                return None
            found.append(part)
    return found


def _carried(
    graph: Graph, flow: Flow, operation: Operation, value: int, shadow: Tensor
) -> list[tuple[int, Tensor]] | None:
    """Return what an operation makes of a view of an output, as views of it too; None if it is no matter of layout."""
    if operation.name in VIEWS or operation.name in INDEXING:
        made = repeated(operation, graph, lambda ref: shadow if ref.value == value else None)
        if len(made) != len(operation.outputs) or any(not _shares(each, shadow) for each in made):
            return None
        return list(zip(operation.outputs, made, strict=True))
    if operation.name in _KEEPS_LAYOUT and len(flow.signals(operation)) == 1 and operation.outputs:
        result = operation.outputs[0]
        return [(result, shadow)] if graph.values[result].tensor.shape == shadow.shape else None
    return None


def _shares(tensor: Tensor, other: Tensor) -> bool:
    return tensor.is_meta and tensor.untyped_storage()._cdata == other.untyped_storage()._cdata


def _along(operation: Operation, rank: int, feature: int) -> bool:
    dim = operation.argument(1, "dim", -1)
    return isinstance(dim, int) and (dim - rank if dim >= 0 else dim) == feature


def _range(tensor: Tensor, value: int, step: int, total: int) -> Part | None:
    """Return the contiguous range of features that a view covers."""
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
    return Part(start, count, value)


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
