"""Tensors that are made of parameters alone, traced back to the elements of the parameters that they hold.

A parameter's twin on meta is contiguous, so any view of it tells by its strides and its offset which elements it
holds. The *shadow* of a tensor is such a view with the tensor's own shape: layout operations are repeated on it, and
operations that act on each element keep it. Where that breaks (a sum, a product of matrices) there is no shadow: the
tensor depends on the parameter and its axes say nothing about the parameter's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from torch import Tensor

from initwise.model.graph import Graph, Operation, Ref, references
from initwise.model.graph._structures import tensors
from initwise.model.graph._vocabulary import (
    ADDITIONS,
    CURVES,
    INDEXING,
    JOINS,
    LOOKUPS,
    MATRIX_PRODUCTS,
    VIEWS,
)


@dataclass(frozen=True, eq=False)
class Piece:
    """A parameter within a tensor.

    Attributes:
        name: the parameter's canonical name.
        shadow: a view of the parameter with the tensor's shape; None where the layout is lost.
        through: the curves (`exp`, `softplus`, ...) that the parameter went through.
        plus_one: one was added to it.
    """

    name: str
    shadow: Tensor | None
    through: tuple[str, ...] = ()
    plus_one: bool = False


@dataclass(frozen=True)
class Span:
    """Which part of a parameter's axis an axis of a tensor covers: all axes it runs over, each with its window."""

    axes: tuple[int, ...]
    size: int


class Pieces:
    """For every value of a graph that is made of parameters and constants alone, the parameters in it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.of: dict[int, tuple[Piece, ...]] = {}
        self.storage: dict[str, int] = {}
        for name, index in graph.parameters.items():
            tensor = graph.values[index].tensor
            self.storage[name] = tensor.untyped_storage()._cdata
            self.of[index] = (Piece(name, tensor),)
        for value in graph.values:
            if value.kind == "auxiliary":
                self.of[value.index] = ()
        for operation in graph:
            self._follow(operation)

    def _follow(self, operation: Operation) -> None:
        """Carry pieces through an operation that takes parameters and constants only."""
        of, values = self.of, self.graph.values
        found = [index for index in operation.inputs if index in of]
        if not found or _looks_up(operation, self):
            return
        if any(index not in of and values[index].kind not in ("constant", "buffer") for index in operation.inputs):
            return
        for output in operation.outputs:
            of[output] = tuple(self._carried(operation, output))

    def _carried(self, operation: Operation, output: int) -> Iterator[Piece]:
        best: dict[str, Piece] = {}
        for index in operation.inputs:
            for piece in self.of.get(index, ()):
                made = self._piece(operation, output, index, piece)
                if piece.name not in best or best[piece.name].shadow is None:
                    best[piece.name] = made
        yield from best.values()

    def _piece(self, operation: Operation, output: int, index: int, piece: Piece) -> Piece:
        shadow = self._shadow(operation, output, index, piece)
        through = (*piece.through, operation.name) if operation.name in CURVES else piece.through
        plus_one = piece.plus_one or (operation.name in ADDITIONS and _adds_one(operation))
        return replace(piece, shadow=shadow, through=through, plus_one=plus_one)

    def _shadow(self, operation: Operation, output: int, index: int, piece: Piece) -> Tensor | None:
        if piece.shadow is None:
            return None
        target = self.graph.values[output].tensor
        if operation.name in VIEWS or operation.name in INDEXING:
            return self._viewed(operation, output, piece)
        if operation.name in JOINS:
            return _joined(operation, piece.shadow, target)
        if operation.name in MATRIX_PRODUCTS:
            return None
        try:
            return piece.shadow.expand(target.shape)
        except RuntimeError:
            return None

    def _viewed(self, operation: Operation, output: int, piece: Piece) -> Tensor | None:
        """Repeat a layout operation on the shadow; one that had to copy tells nothing."""

        def stand_in(ref: Ref) -> Any:
            if self.of.get(ref.value):
                return piece.shadow
            return self.graph.values[ref.value].tensor

        args = _filled(operation.args, stand_in)
        kwargs = _filled(operation.kwargs, stand_in)
        try:
            if operation.function is None:
                return piece.shadow
            made = list(tensors(operation.function(*args, **kwargs)))
        except (RuntimeError, TypeError, ValueError, IndexError):
            return None
        position = operation.outputs.index(output)
        found = made[position] if position < len(made) else None
        if found is None or found.untyped_storage()._cdata != self.storage[piece.name]:
            return None
        return found


def spans(shadow: Tensor, shape: tuple[int, ...]) -> list[Span]:
    """Return for each axis of a view which axes of a contiguous parameter of `shape` it runs over.

    >>> weight = torch.empty(6, 4, device="meta")
    >>> spans(weight.view(3, 2, 4).permute(2, 0, 1), (6, 4))
    [Span(axes=(1,), size=4), Span(axes=(0,), size=3), Span(axes=(0,), size=2)]
    """
    strides = row_major(shape)
    found = []
    for size, stride in zip(shadow.shape, shadow.stride(), strict=True):
        if size == 1 or stride == 0:
            found.append(Span((), size if stride else 1))
            continue
        covered = tuple(
            axis
            for axis, (each, step) in enumerate(zip(shape, strides, strict=True))
            if each > 1 and stride < step * each and step < size * stride
        )
        found.append(Span(covered, size))
    return found


def window(shadow: Tensor, shape: tuple[int, ...], axis: int) -> tuple[int, int]:
    """Return the range of a parameter's axis that a view covers, as (start, stop)."""
    strides = row_major(shape)
    start = shadow.storage_offset() // strides[axis] % shape[axis]
    reach = sum(
        (size - 1) * stride
        for size, stride in zip(shadow.shape, shadow.stride(), strict=True)
        if size > 1 and strides[axis] <= stride < strides[axis] * shape[axis]
    )
    over = sum(
        (size * stride) - strides[axis]
        for size, stride in zip(shadow.shape, shadow.stride(), strict=True)
        if size > 1 and 0 < stride < strides[axis] < size * stride
    )
    return start, min(shape[axis], start + (reach + over) // strides[axis] + 1)


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides of a contiguous tensor."""
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _joined(operation: Operation, shadow: Tensor, target: Tensor) -> Tensor | None:
    if shadow.dim() == target.dim():
        return shadow
    if shadow.dim() + 1 == target.dim():
        place = operation.argument(1, "dim", 0)
        return shadow.unsqueeze(place) if isinstance(place, int) else None
    return None


def _filled(structure: Any, stand_in: Any) -> Any:
    if isinstance(structure, Ref):
        return stand_in(structure)
    if type(structure) in (tuple, list):
        return type(structure)(_filled(each, stand_in) for each in structure)
    if type(structure) is dict:
        return {key: _filled(each, stand_in) for key, each in structure.items()}
    if type(structure) is slice:
        return slice(*(_filled(each, stand_in) for each in (structure.start, structure.stop, structure.step)))
    return structure


def _looks_up(operation: Operation, pieces: Pieces) -> bool:
    """Tell whether rows are looked up, by numbers that are constants: what comes out is signal."""
    if operation.name in LOOKUPS:
        return True
    if operation.name in INDEXING and operation.args and isinstance(operation.args[0], Ref):
        return any(index not in pieces.of for index in references(operation.args[1:]))
    return False


def _adds_one(operation: Operation) -> bool:
    return any(isinstance(each, (int, float)) and not isinstance(each, bool) and each == 1 for each in operation.args)
