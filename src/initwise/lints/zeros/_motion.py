"""Zeros on the traced graph: where the signal is exactly zero, where no gradient arrives, and what never moves.

Two passes over the graph: forward, a value is zero where arithmetic says so (a product with zero, an activation with
f(0) = 0, ...); backward, a value receives a gradient where one of its users passes one on. Parameters that are zero and
receive a gradient move, and the passes are repeated until nothing moves any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from initwise.model import Graph
from initwise.model.graph import Operation, Ref, Value, references
from initwise.model.graph._vocabulary import (
    ADDITIONS,
    CONVOLUTIONS,
    COPIES,
    DIVISIONS,
    DROPOUTS,
    INDEXING,
    JOINS,
    LOOKUPS,
    NORMS,
    PLAIN_PRODUCTS,
    POOLINGS,
    PRODUCTS,
    RECURRENT,
    RESAMPLING,
    VIEWS,
)

_AFFINE = {"linear"} | CONVOLUTIONS
_ADDED = frozenset("addmm baddbmm addbmm addmv".split())  # input + first @ second
# f(0) = 0; the derivative of those in _DEAD is zero there, in torch.
_ODD = frozenset(
    """relu relu_ relu6 leaky_relu leaky_relu_ elu elu_ celu celu_ selu selu_ gelu silu mish tanh tanh_ hardswish
    hardtanh softsign softshrink tanhshrink prelu rrelu abs neg __neg__ square sqrt sin sum mean cumsum erf expm1 clamp
    masked_fill glu""".split()
)
_DEAD = frozenset("relu relu_ relu6 softshrink hardshrink abs".split())
_SAME = VIEWS | COPIES | DROPOUTS | INDEXING | JOINS | POOLINGS | RESAMPLING | _ODD
_STOPS = frozenset("detach detach_ data argmax argmin".split())
_SMALL = 2**20


class Motion:
    """A graph whose parameters `zero` (canonical names) hold nothing but zeros, and what moves of them."""

    def __init__(self, graph: Graph, zero: frozenset[str]) -> None:
        self.graph = graph
        self._constants = {value.index for value in graph.values if _is_constant_zero(value)}
        self.first = self._pass(zero)
        self.last = self.first
        while self.last.zero:
            remaining = frozenset(name for name in self.last.zero if not self.last.moves(name))
            if remaining == self.last.zero:
                break
            self.last = self._pass(remaining)

    def stuck(self) -> frozenset[str]:
        """Return the parameters that never receive a gradient, and would if nothing were zero."""
        free = self._pass(frozenset())
        return frozenset(name for name in self.graph.parameters if not self.last.moves(name) and free.moves(name))

    def _pass(self, zero: frozenset[str]) -> Pass:
        return Pass(self.graph, zero, frozenset(self._constants))


@dataclass(frozen=True, eq=False)
class Pass:
    """One forward and backward pass over the graph."""

    graph: Graph
    zero: frozenset[str]
    constants: frozenset[int]

    @cached_property
    def zeros(self) -> frozenset[int]:
        """The values that are zero everywhere."""
        parameters = (index for name, index in self.graph.parameters.items() if name in self.zero)
        found = {*parameters, *self.constants}
        for operation in self.graph:
            if operation.outputs and _gives_zero(operation, lambda value: value in found):
                found.update(operation.outputs)
        return frozenset(found)

    @cached_property
    def alive(self) -> frozenset[int]:
        """The values that receive a gradient."""
        found = {index for index in self.graph.outputs if self.graph.values[index].tensor.dtype.is_floating_point}
        for operation in reversed(self.graph.operations):
            if any(output in found for output in operation.outputs):
                found.update(_receive(operation, self.zeros.__contains__))
        return frozenset(found)

    def moves(self, name: str) -> bool:
        """Tell whether a parameter receives a gradient."""
        return self.graph.parameters[name] in self.alive

    def fed_by(self, name: str) -> Operation | None:
        """Return the first layer whose whole input is zero because of a parameter's zeros; None where there is none."""
        seen = {self.graph.parameters[name]}
        for operation in self.graph:
            if not seen.intersection(operation.inputs):
                continue
            signal = _signal(operation)
            weight = next(references(_weight(operation)), None)
            if signal in seen and weight is not None and weight not in seen:
                return operation
            seen.update(output for output in operation.outputs if output in self.zeros)
        return None


Is = Callable[[int], bool]


def _gives_zero(operation: Operation, zero: Is) -> bool:
    name = operation.name
    if name in _AFFINE:
        product = _all(operation.argument(0, "input"), zero) or _all(operation.argument(1, "weight"), zero)
        return product and _absent_or_zero(operation.argument(2, "bias"), zero)
    if name in _ADDED:
        added, *factors = _operands(operation)
        return any(_all(each, zero) for each in factors) and _all(added, zero)
    if name in PLAIN_PRODUCTS or name == "einsum":
        return any(zero(value) for value in operation.inputs)
    if name in DIVISIONS or name in LOOKUPS:
        return _all(_table(operation) if name in LOOKUPS else operation.argument(0, "input"), zero)
    if name in PRODUCTS:
        return any(zero(value) for value in operation.inputs) or 0 in operation.args[:2]
    if name in ADDITIONS:
        return all(_absent_or_zero(each, zero) for each in operation.args[:2])
    if name in NORMS:
        shift = operation.argument(4 if name == "batch_norm" else 3, "bias")
        scale = operation.argument(3 if name == "batch_norm" else 2, "weight")
        silent = _all(operation.argument(0, "input"), zero) or _all(scale, zero)
        return silent and _absent_or_zero(None if name == "rms_norm" else shift, zero)
    if name in RECURRENT:
        return all(zero(value) for value in references(operation.args[2:]))
    if name == "scaled_dot_product_attention":
        return _all(operation.argument(2, "value"), zero)
    return name in _SAME and bool(operation.inputs) and all(zero(value) for value in operation.inputs)


def _receive(operation: Operation, zero: Is) -> Iterator[int]:
    """Yield the inputs that an operation passes a gradient on to."""
    name = operation.name
    if name in _STOPS or (name in _DEAD and all(zero(value) for value in operation.inputs)):
        return
    if name in _AFFINE or name in PLAIN_PRODUCTS or name in _ADDED or (name in PRODUCTS and name not in DIVISIONS):
        added, first, second = _operands(operation)
        for one, other in ((first, second), (second, first)):
            if not _all(other, zero) and not (isinstance(other, int | float) and other == 0):
                yield from references(one)
        yield from references(added)
    elif name == "scaled_dot_product_attention":
        query, key, value = (operation.argument(place, word) for place, word in enumerate(("query", "key", "value")))
        yield from references(value)
        if not _all(value, zero):
            yield from references(query) if not _all(key, zero) else ()
            yield from references(key) if not _all(query, zero) else ()
    elif name in NORMS:
        scale = operation.argument(3 if name == "batch_norm" else 2, "weight")
        signal = set(references(operation.argument(0, "input")))
        silent = {
            *(signal if _all(scale, zero) else ()),
            *(references(scale) if _all(operation.args[0], zero) else ()),
        }
        yield from (value for value in operation.inputs if value not in silent)
    else:
        yield from operation.inputs


def _operands(operation: Operation) -> tuple[Any, Any, Any]:
    """Return what is added to a product, and its two factors: signal and weight where it has those."""
    if operation.name in _ADDED:
        names = (("mat1", "batch1", "mat"), ("mat2", "batch2", "vec"))
        first, second = (
            next((found for name in each if (found := operation.argument(place, name)) is not None), None)
            for place, each in enumerate(names, start=1)
        )
        return operation.argument(0, "input"), first, second
    affine = operation.name in _AFFINE
    added = operation.argument(2, "bias") if affine else None
    return added, operation.argument(0, "input"), operation.argument(1, "weight" if affine else "other")


def _signal(operation: Operation) -> int | None:
    """Return the value that a layer contracts with its weight."""
    if operation.name in RECURRENT:
        return next(references(operation.args[:1]), None)
    known = operation.name in _AFFINE or operation.name in _ADDED or operation.name in PLAIN_PRODUCTS
    return next(references(_operands(operation)[1]), None) if known else None


def _weight(operation: Operation) -> Any:
    return operation.args[2:3] if operation.name in RECURRENT else _operands(operation)[2]


def _table(operation: Operation) -> Any:
    """Return what rows are looked up in: the first argument of methods, the second of `embedding`."""
    second = operation.name in {"embedding", "embedding_bag"}
    return operation.argument(1, "weight") if second else operation.argument(0, "input")


def _all(structure: Any, zero: Is) -> bool:
    values = list(references(structure))
    return bool(values) and all(zero(value) for value in values)


def _absent_or_zero(argument: Any, zero: Is) -> bool:
    if isinstance(argument, Ref | tuple | list):
        return _all(argument, zero)
    return argument is None or argument == 0


def _is_constant_zero(value: Value) -> bool:
    tensor = value.tensor
    if value.kind not in {"constant", "buffer"} or tensor.is_meta or not 0 < tensor.numel() <= _SMALL:
        return False
    return tensor.dtype != torch.bool and not bool(torch.count_nonzero(tensor))
