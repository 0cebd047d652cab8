"""What an operation does with the axes of its operands: which are summed over, kept, looped over, or a window.

`roles(operation, graph, place)` answers for the operand at `place` (a key of the operation's arguments) with a list of
letters, one for each of the operand's axes: `i` contracted, `o` kept, `b` looped over, `k` kernel.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from initwise.model.graph import Graph, Operation, Ref
from initwise.model.graph._vocabulary import CONVOLUTIONS, PLAIN_PRODUCTS


@dataclass(frozen=True)
class Operand:
    """The operand that holds a weight: a letter for each axis, where the signal comes in, and what scales fan_in."""

    letters: str
    signal: int | None
    groups: int = 1
    stride: int = 1
    feature: int = -1  # the axis of the output that the kept axes make


def operand(operation: Operation, graph: Graph, value: int) -> Operand | None:
    """Return how an operation contracts `value` with its other operand; None if it does no such thing with it."""
    name = operation.name
    if name == "linear":
        return (
            Operand("oi", _ref(operation.args, 0, operation.kwargs, "input"))
            if _is(operation, 1, "weight", value)
            else None
        )
    if name in CONVOLUTIONS:
        return _convolution(operation, value) if _is(operation, 1, "weight", value) else None
    if name in PLAIN_PRODUCTS:
        return _product(operation, graph, value, 0, 1)
    if name in ("addmm", "addmm_", "baddbmm", "addbmm", "addmv"):
        return _product(operation, graph, value, 1, 2)
    if name in ("grouped_mm", "_grouped_mm"):
        return _grouped(operation, graph, value)
    if name == "bilinear" and _is(operation, 2, "weight", value):
        return Operand("oii", _ref(operation.args, 0, operation.kwargs, "input1"))
    if name == "einsum":
        return _einsum(operation, graph, value)
    if name == "tensordot":
        return _tensordot(operation, graph, value)
    return None


def bias(operation: Operation, value: int) -> bool:
    """Tell whether `value` is the bias argument of a weight's operation."""
    if operation.name in ("linear", *CONVOLUTIONS):
        return _is(operation, 2, "bias", value)
    if operation.name == "bilinear":
        return _is(operation, 3, "bias", value)
    return operation.name in ("addmm", "addmm_", "baddbmm", "addbmm", "addmv") and _is(operation, 0, "input", value)


def _is(operation: Operation, position: int, name: str, value: int) -> bool:
    return bool(operation.argument(position, name) == Ref(value))


def _ref(args: tuple[Any, ...], position: int, kwargs: dict[str, Any], name: str) -> int | None:
    found = args[position] if position < len(args) else kwargs.get(name)
    return found.value if isinstance(found, Ref) else None


def _convolution(operation: Operation, value: int) -> Operand:
    transposed = "transpose" in operation.name
    dimensions = int(operation.name[-2])
    stride = operation.argument(3, "stride", 1)
    groups = operation.argument(6, "groups", 1)
    steps = stride if isinstance(stride, (tuple, list)) else (stride,) * dimensions
    if len(steps) == 1:
        steps = tuple(steps) * dimensions
    letters = ("io" if transposed else "oi") + "k" * dimensions
    signal = _ref(operation.args, 0, operation.kwargs, "input")
    return Operand(letters, signal, groups, math.prod(steps) if transposed else 1, -1 - dimensions)


def _product(operation: Operation, graph: Graph, value: int, first: int, second: int) -> Operand | None:
    left = _ref(operation.args, first, operation.kwargs, "input" if first == 0 else "mat1")
    right = _ref(operation.args, second, operation.kwargs, "other" if first == 0 else "mat2")
    if operation.name == "__rmatmul__":
        left, right = right, left
    if left is None or right is None:
        return None
    rank = graph.values[value].tensor.dim()
    if value == right:
        return Operand("i" if rank == 1 else "b" * (rank - 2) + "io", left)
    if value == left:
        return Operand("i" if rank == 1 else "b" * (rank - 2) + "oi", right, feature=-2)
    return None


def _grouped(operation: Operation, graph: Graph, value: int) -> Operand | None:
    if not _is(operation, 1, "mat_b", value):
        return None
    rank = graph.values[value].tensor.dim()
    return Operand("b" * (rank - 2) + "io", _ref(operation.args, 0, operation.kwargs, "mat_a"))


def _einsum(operation: Operation, graph: Graph, value: int) -> Operand | None:
    equation = operation.args[0]
    operands = operation.args[1:]
    if len(operands) == 1 and isinstance(operands[0], (tuple, list)):
        operands = tuple(operands[0])
    if not isinstance(equation, str):
        return None
    left, _, right = re.sub(r"\s", "", equation).partition("->")
    terms = [_spelled(term, graph, each) for term, each in zip(left.split(","), operands, strict=False)]
    place = next((index for index, each in enumerate(operands) if each == Ref(value)), None)
    if place is None or len(terms) < 2:
        return None
    if "->" not in equation:
        letters = "".join(terms)
        right = "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
    result = right.replace("...", "")
    mine, others = terms[place], [term for index, term in enumerate(terms) if index != place]
    found = "".join(
        "b"
        if letter == "." or (letter in result and any(letter in term for term in others))
        else "o"
        if letter in result
        else "i"
        for letter in mine
    )
    signal = next((each.value for index, each in enumerate(operands) if index != place and isinstance(each, Ref)), None)
    kept = [letter for letter, role in zip(mine, found, strict=True) if role == "o"]
    feature = right.find(kept[-1]) - len(right) if kept and "..." not in right[right.find(kept[-1]) :] else -1
    return Operand(found, signal, feature=feature)


def _spelled(term: str, graph: Graph, operand: Any) -> str:
    if "..." not in term or not isinstance(operand, Ref):
        return term
    rank = graph.values[operand.value].tensor.dim()
    return term.replace("...", "." * (rank - len(term) + 3))


def _tensordot(operation: Operation, graph: Graph, value: int) -> Operand | None:
    first, second = operation.args[:2]
    dims = operation.argument(2, "dims", 2)
    place = 0 if first == Ref(value) else 1 if second == Ref(value) else None
    if place is None:
        return None
    rank = graph.values[value].tensor.dim()
    if isinstance(dims, int):
        contracted = set(range(rank - dims, rank)) if place == 0 else set(range(dims))
    else:
        chosen = dims[place]
        contracted = {axis % rank for axis in (chosen if isinstance(chosen, (list, tuple)) else (chosen,))}
    letters = "".join("i" if axis in contracted else "o" for axis in range(rank))
    other = second if place == 0 else first
    return Operand(letters, other.value if isinstance(other, Ref) else None)
