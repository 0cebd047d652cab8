"""Residual streams: additions of a branch to what the branch was computed from, one after the other."""

from __future__ import annotations

from dataclasses import dataclass, field

from initwise.model.graph import Graph, Operation
from initwise.model.graph._vocabulary import (
    ACTIVATIONS,
    ADDITIONS,
    CONVOLUTIONS,
    MATRIX_PRODUCTS,
    NORMS,
    POOLINGS,
    PRODUCTS,
    RESAMPLING,
    TRANSPARENT,
)
from initwise.model.roles._flow import Flow

# What a stream passes through without ending: an activation after the addition, a factor.
_CARRIERS = TRANSPARENT | ACTIVATIONS | PRODUCTS
_WEIGHTED = MATRIX_PRODUCTS | CONVOLUTIONS
_BETWEEN = (
    TRANSPARENT
    | NORMS
    | PRODUCTS
    | ACTIVATIONS
    | POOLINGS
    | RESAMPLING
    | ADDITIONS
    | frozenset(
        """sum index_add index_add_ scatter_add scatter_add_ scatter_reduce index_select gather __setitem__ index_put_
    index_put stack index_copy_ where masked_scatter_ masked_fill masked_fill_ einsum""".split()
    )
)
_ACCUMULATES = ADDITIONS | frozenset(
    """index_add index_add_ scatter_add scatter_add_ scatter_reduce __setitem__ index_put_ index_put index_copy_ stack
    alias""".split()
)
_SHORTCUTS = _WEIGHTED | POOLINGS | frozenset({"pad"})
_GATES = frozenset("sigmoid hardsigmoid tanh softmax".split())
_STEPS = 400


@dataclass(eq=False)
class Stream:
    """A residual stream: the values that it runs through, and its additions in order of execution."""

    name: str
    start: int
    values: set[int] = field(default_factory=set)
    additions: list[int] = field(default_factory=list)
    projected: bool = False


@dataclass(frozen=True)
class Writer:
    """An operation that writes into a stream, at which of its additions, with the norm that closes the branch."""

    stream: Stream
    addition: int
    operation: int
    norm: int | None


class Residuals:
    """The residual streams of a graph.

    Attributes:
        streams: in order of execution.
        writers: by the index of the operation that holds the weight.
        skips: by the index of an addition, (what runs on, what is added).
    """

    def __init__(self, graph: Graph, flow: Flow) -> None:
        self.graph = graph
        self.flow = flow
        self.streams: list[Stream] = []
        self.writers: dict[int, Writer] = {}
        self.skips: dict[int, tuple[int, int]] = {}
        self._of: dict[int, Stream] = {}
        for operation in graph:
            if operation.name in ADDITIONS:
                self._addition(operation)

    def stream(self, value: int) -> Stream | None:
        """Return the stream that a value belongs to."""
        return self._of.get(value)

    def _addition(self, operation: Operation) -> None:
        inputs = self.flow.signals(operation)
        if len(inputs) != 2 or not operation.outputs:
            return
        shape = self.graph.values[operation.outputs[0]].tensor.shape
        if len(shape) < 2 or any(self.graph.values[each].tensor.numel() < shape.numel() for each in inputs):
            return
        found = self._split(*inputs)
        if found is None:
            self._without_weights(operation, inputs)
            return
        if found[2].projected and not found[2].additions and self._only_sums(operation):
            self.streams.remove(found[2])
            return
        skip, branch, stream = found
        output = operation.outputs[0]
        stream.additions.append(operation.index)
        stream.values |= {output, skip}
        self._of[output] = stream
        self.skips[operation.index] = (skip, branch)
        for writer, norm in self._written_by(branch, {skip, self.base(skip)}):
            self.writers.setdefault(writer, Writer(stream, len(stream.additions) - 1, writer, norm))

    def _without_weights(self, operation: Operation, inputs: list[int]) -> None:
        """A branch that only pools or mixes writes with no weight, and the stream goes on behind it."""
        for skip, branch in (inputs, inputs[::-1]):
            stream = self._of.get(self.base(skip))
            if stream is not None and self.flow.descends(branch, {skip, self.base(skip)}):
                self._of[operation.outputs[0]] = stream
                stream.values.add(operation.outputs[0])
                return

    def _split(self, one: int, other: int) -> tuple[int, int, Stream] | None:
        """Return (what runs on, the branch, the stream) for the operands of an addition; None if it is no residual."""
        bases = {value: self.base(value) for value in (one, other)}
        if bases[one] == bases[other]:
            return None
        for skip, branch in ((one, other), (other, one)):
            known = self._of.get(bases[skip])
            ancestors = {skip, bases[skip]} | (known.values if known is not None else set())
            if self.flow.descends(branch, ancestors) and self._written_by(branch, ancestors):
                return skip, branch, known or self._begin(skip, bases[skip])
        for skip, branch in sorted(((one, other), (other, one)), key=lambda pair: len(self.flow.chain(pair[0]))):
            chain = self._projected_from(skip)
            if not self._is_shortcut(skip, chain) or not self.flow.descends(branch, set(chain)):
                continue
            if self._written_by(branch, set(chain)):
                return skip, branch, self._begin(skip, skip, projected=True)
        return None

    def base(self, value: int) -> int:
        """Return where a stream comes from: behind views, factors and activations."""
        maker = self.graph.maker(value)
        while maker is not None and maker.name in _CARRIERS and value not in self._of:
            inputs = self.flow.signals(maker)
            if len(inputs) != 1 or self.flow.normalized(value):
                break
            value = inputs[0]
            maker = self.graph.maker(value)
        return value

    def _begin(self, value: int, base: int, *, projected: bool = False) -> Stream:
        operation = self.graph.maker(value)
        module = operation.module if operation is not None else "input"
        stream = Stream(f"{module or 'model'}#{len(self.streams)}", value, {value, base}, projected=projected)
        self.streams.append(stream)
        return stream

    def _only_sums(self, operation: Operation) -> bool:
        """Tell whether a sum of branches goes on to be added to what they came from: they are parallel."""
        output = operation.outputs[0]
        for user, value in self.flow.users(output):
            if user.name in ADDITIONS:
                others = {each for each in self.flow.signals(user) if each != value}
                if self.flow.descends(output, others | {self.base(each) for each in others}):
                    return True
        return False

    def _projected_from(self, skip: int) -> list[int]:
        """Return the values behind a projection: a single weight, and no activation or norm before it."""
        found: list[int] = []
        weighted = False
        value = skip
        for each in self.flow.chain(skip):
            maker = self.graph.maker(value)
            name = maker.name if maker is not None else ""
            if name in ACTIVATIONS or (weighted and (name in _WEIGHTED or name in NORMS)):
                break
            weighted = weighted or name in _WEIGHTED
            found.append(each)
            value = each
        return found

    def _is_shortcut(self, value: int, chain: list[int]) -> bool:
        """Tell whether a stream begins with a projection of an earlier one, or a pooled or padded copy of it."""
        makers = [self.graph.maker(each) for each in (value, *chain)]
        return bool(chain) and any(maker is not None and maker.name in _SHORTCUTS for maker in makers)

    def _written_by(self, branch: int, before: set[int]) -> list[tuple[int, int | None]]:
        """Return the weights' operations that end a branch, each with the operation of the norm that closes it."""
        found: list[tuple[int, int | None]] = []
        waiting: list[tuple[int, int | None]] = [(branch, None)]
        for _ in range(_STEPS):
            if not waiting:
                break
            value, norm = waiting.pop()
            maker = self.graph.maker(value)
            if maker is None or value in self._of or value in before:
                continue
            inputs = self.flow.signals(maker)
            if maker.name in _WEIGHTED and len(inputs) == 1:
                found.append((maker.index, norm))
            elif maker.name in NORMS and inputs:
                waiting.append((inputs[0], maker.index if norm is None else norm))
            elif maker.name in _BETWEEN and inputs:
                full = [each for each in inputs if self._as_large(each, value)] or inputs
                chosen = inputs if maker.name in _ACCUMULATES else self._ungated(full)[:1]
                closed = norm
                if norm is None and maker.name in PRODUCTS and self._closes(value, inputs):
                    closed = maker.index
                waiting += [(each, closed) for each in chosen]
        return found

    def _ungated(self, factors: list[int]) -> list[int]:
        """Return the factors that are no gates, unless all are."""
        makers = {value: self.flow.maker(value) for value in factors}
        found = [value for value, maker in makers.items() if maker is None or maker.name not in _GATES]
        return found or factors

    def _closes(self, value: int, inputs: list[int]) -> bool:
        """Tell whether a product ends a norm that is written out: by its weight, or by the division if it has none."""
        return self.flow.normalized(value) or (len(inputs) == 1 and self.flow.normalized(inputs[0]))

    def _as_large(self, value: int, other: int) -> bool:
        return self.graph.values[value].tensor.numel() >= self.graph.values[other].tensor.numel()
