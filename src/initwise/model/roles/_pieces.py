"""Tensors that are made of parameters alone, traced back to the elements of the parameters that they hold.

A parameter's twin on meta is contiguous, so any view of it tells by its strides and its offset which elements it
holds. The *shadow* of a tensor is such a view with the tensor's own shape: layout operations are repeated on it, and
operations that act on each element keep it. Where a layout operation has to copy, the shadow becomes a tensor of the
elements' numbers. Where that breaks (a sum, a product of matrices) there is no shadow: the tensor depends on the
parameter and its axes say nothing about the parameter's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import torch
from torch import Tensor

from initwise.model.graph import Graph, Operation, Ref, references
from initwise.model.graph._structures import tensors
from initwise.model.graph._vocabulary import (
    ADDITIONS,
    CONVOLUTIONS,
    CURVES,
    INDEXING,
    JOINS,
    LOOKUPS,
    MATRIX_PRODUCTS,
    NORMS,
    VIEWS,
)

_AFFINE = {"layer_norm": 2, "rms_norm": 2, "group_norm": 2}  # where the weight stands; batches are weights' own norms
_MOST_NUMBERS = 1 << 22
_COMPLEX: dict[str, Callable[[Tensor], Tensor]] = {  # a complex number stands for its two halves
    "view_as_complex": lambda shadow: shadow.select(-1, 0),
    "view_as_real": lambda shadow: shadow.unsqueeze(-1).expand(*shadow.shape, 2),
    "real": lambda shadow: shadow,
    "imag": lambda shadow: shadow,
}


@dataclass(frozen=True, eq=False)
class Piece:
    """A parameter within a tensor.

    Attributes:
        name: the parameter's canonical name.
        shadow: a view of the parameter with the tensor's shape, on meta, or the numbers of the parameter's elements in
            that shape; None where the layout is lost.
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
        if operation.inputs and all(self._is_constant(index) for index in operation.inputs):
            of.update(dict.fromkeys(operation.outputs, ()))  # made of buffers without memory: no signal either
            return
        found = [index for index in operation.inputs if index in of]
        if not found or _looks_up(operation, self) or _is_layer(operation, self):
            return
        if any(index not in of and values[index].kind not in ("constant", "buffer") for index in operation.inputs):
            return
        for output in operation.outputs:
            of[output] = tuple(self._carried(operation, output))

    def _is_constant(self, index: int) -> bool:
        return self.graph.values[index].kind in ("constant", "buffer") or self.of.get(index, None) == ()

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
            return self._viewed(operation, output, index, piece)
        if operation.name == "pad":
            return piece.shadow
        if operation.name in JOINS:
            return _joined(operation, piece.shadow, target)
        if operation.name in MATRIX_PRODUCTS or (
            operation.name in NORMS and operation.argument(0, "input") != Ref(index)
        ):
            return None  # what a norm multiplies by lies along its channels
        try:
            return piece.shadow.expand(target.shape)
        except RuntimeError:
            return None

    def _viewed(self, operation: Operation, output: int, index: int, piece: Piece) -> Tensor | None:
        """Repeat a layout operation on the shadow; one that has to copy is repeated on the numbers of the elements."""
        shadow = piece.shadow
        if operation.function is None or shadow is None:
            return shadow
        if operation.name in _COMPLEX:
            return _COMPLEX[operation.name](shadow)
        if shadow.is_meta:
            found = self._repeated(operation, output, index, shadow)
            if found is not None and found.untyped_storage()._cdata == self.storage[piece.name]:
                return found
            shadow = numbers(shadow)
        return self._repeated(operation, output, index, shadow.contiguous()) if shadow is not None else None

    def _repeated(self, operation: Operation, output: int, index: int, shadow: Tensor) -> Tensor | None:
        found = repeated(operation, self.graph, lambda ref: shadow if ref.value == index else None)
        position = operation.outputs.index(output)
        return found[position] if position < len(found) else None


def repeated(operation: Operation, graph: Graph, instead: Callable[[Ref], Tensor | None]) -> list[Tensor]:
    """Return the tensors that a layout operation makes of others than it was given; none where it does not fit them."""

    def stand_in(ref: Ref) -> Any:
        other = instead(ref)
        return graph.values[ref.value].tensor if other is None else other

    try:
        return list(
            tensors(operation.function(*_filled(operation.args, stand_in), **_filled(operation.kwargs, stand_in)))
        )
    except (RuntimeError, TypeError, ValueError, IndexError):
        return []


def numbers(shadow: Tensor) -> Tensor | None:
    """Return which elements of the parameter a view holds, as numbers; None where they are too many to write down.

    >>> numbers(torch.empty(2, 3, device="meta").T)
    tensor([[0, 3],
            [1, 4],
            [2, 5]])
    """
    length = shadow.untyped_storage().nbytes() // shadow.element_size()
    if max(length, shadow.numel()) > _MOST_NUMBERS:
        return None
    return torch.arange(length).as_strided(shadow.shape, shadow.stride(), shadow.storage_offset())


def spans(shadow: Tensor, shape: tuple[int, ...]) -> list[Span]:
    """Return for each axis of a view which axes of a contiguous parameter of `shape` it runs over.

    >>> weight = torch.empty(6, 4, device="meta")
    >>> spans(weight.view(3, 2, 4).permute(2, 0, 1), (6, 4))
    [Span(axes=(1,), size=4), Span(axes=(0,), size=3), Span(axes=(0,), size=2)]
    """
    if not shadow.is_meta:
        return _numbered_spans(shadow, shape)
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


def _numbered_spans(shadow: Tensor, shape: tuple[int, ...]) -> list[Span]:
    places = torch.unravel_index(shadow, shape)
    found = []
    for axis, size in enumerate(shadow.shape):
        moved = [bool((place != place.narrow(axis, 0, 1)).any()) if size > 1 else False for place in places]
        covered = tuple(own for own, each in enumerate(moved) if each)
        found.append(Span(covered, size if covered else 1))
    return found


def window(shadow: Tensor, shape: tuple[int, ...], axis: int) -> tuple[int, int]:
    """Return the range of a parameter's axis that a view holds, as (start, stop); all of it where it holds no range.

    >>> window(torch.empty(6, 4, device="meta")[2:5], (6, 4), 0)
    (2, 5)
    """
    if shadow.numel() == 0:
        return 0, shape[axis]
    start, stop, held = _numbered_reach(shadow, shape, axis) if not shadow.is_meta else _reach(shadow, shape, axis)
    return (start, stop) if held == stop - start else (0, shape[axis])


def _numbered_reach(shadow: Tensor, shape: tuple[int, ...], axis: int) -> tuple[int, int, int]:
    places = torch.unravel_index(shadow, shape)[axis]
    return int(places.min()), int(places.max()) + 1, places.unique().numel()


def _reach(shadow: Tensor, shape: tuple[int, ...], axis: int) -> tuple[int, int, int]:
    """Return the first place of an axis that a view holds, the one behind the last, and how many it holds."""
    step = row_major(shape)[axis]
    start = shadow.storage_offset() // step % shape[axis]
    length = held = 1
    for size, stride in zip(shadow.shape, shadow.stride(), strict=True):
        if size > 1 and step <= stride < step * shape[axis]:
            length += (size - 1) * stride // step
            held *= size
        elif size > 1 and 0 < stride < step < size * stride:  # it runs over this axis and later ones
            length += size * stride // step - 1
            held *= size * stride // step
    stop = min(shape[axis], start + length)
    return start, stop, min(held, stop - start)


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


def _is_layer(operation: Operation, pieces: Pieces) -> bool:
    """Tell whether a layer runs on parameters (learned queries) or on constants (coordinates): its output is signal."""
    weighted = operation.name in ("linear", "bilinear", *CONVOLUTIONS)
    position = 2 if operation.name == "bilinear" else 1 if weighted else _AFFINE.get(operation.name, -1)
    weight = operation.argument(position, "weight") if position > 0 else None
    return isinstance(weight, Ref) and weight.value in pieces.of


def _adds_one(operation: Operation) -> bool:
    return any(isinstance(each, (int, float)) and not isinstance(each, bool) and each == 1 for each in operation.args)
