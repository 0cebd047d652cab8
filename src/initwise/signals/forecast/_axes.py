"""The axes of every value of a graph, as rules describe them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from initwise.model.graph import Graph, Operation, Ref
from initwise.model.graph._graph import references
from initwise.signals.forecast._atoms import Atoms, Dim

Dims = tuple[Dim, ...]


class Axes:
    """Which axes are held, and which are channels that some of them can stand for.

    Attributes:
        atoms: the pieces of all axes.
        signals: the values that depend on the model's inputs.
        averaged: of statistics that keep their axes (as `x.pow(2).mean(-1, keepdim=True)`), the atoms averaged over.
        spread: by (operation, value): the atoms over which a value made of parameters alone is broadcast there; its
            gradient is a sum over all of them.
    """

    def __init__(self, graph: Graph, rigid: Collection[int] = ()) -> None:
        self.graph = graph
        self.atoms = Atoms()
        self.signals: set[int] = set()
        self.averaged: dict[int, Dim] = {}
        self.spread: dict[tuple[int, int], Dim] = {}
        self._rigid = rigid
        self._of: dict[int, Dims] = {}

    def of(self, index: int) -> Dims:
        """Return the axes of a value."""
        if index not in self._of:
            value = self.graph.values[index]
            held = value.kind in ("input", "activation") or index in self._rigid or not value.tensor.is_floating_point()
            self._of[index] = self.fresh(value.tensor.shape, held=held)
            if index in self.graph.fed:
                self.signals.add(index)
        return self._of[index]

    def is_known(self, index: int) -> bool:
        """Tell whether any operation has met a value."""
        return index in self._of

    def set(self, index: int, dims: Sequence[Dim]) -> None:
        """Note the axes of a value that an operation made."""
        self._of[index] = tuple(dims)

    def fresh(self, shape: Iterable[int], *, held: bool) -> Dims:
        """Return new axes."""
        return tuple(self.atoms.new(size, held=held) for size in shape)

    def shape(self, index: int) -> tuple[int, ...]:
        """Return the true shape of a value."""
        return tuple(self.graph.values[index].tensor.shape)

    def walk(self, rule_of: Callable[[Operation], Callable[[Axes, Operation], None]]) -> None:
        """Go through all operations in order."""
        for operation in self.graph:
            for index in operation.inputs:
                self.of(index)
            if any(index in self.signals for index in operation.inputs):
                self.signals.update(operation.outputs)
            rule_of(operation)(self, operation)
            for index in operation.outputs:
                if index not in self._of or len(self._of[index]) != len(self.shape(index)):
                    hold(self, operation)

    def hold(self, *dims: Dim) -> None:
        """Let axes keep their size."""
        for dim in dims:
            self.atoms.hold(dim)

    def same(self, one: Dim, other: Dim) -> None:
        """Note that two axes are the same."""
        self.atoms.unify(one, other)


def hold(axes: Axes, operation: Operation) -> None:
    """The rule of last resort: every axis of what an operation takes and gives keeps its size."""
    for index in operation.inputs:
        axes.hold(*axes.of(index))
    for index in operation.outputs:
        axes.set(index, axes.fresh(axes.shape(index), held=True))


def operands(operation: Operation) -> list[int]:
    """Return the values among an operation's arguments, in order, each as often as it stands there."""
    return list(references((operation.args, operation.kwargs)))


def value_at(operation: Operation, position: int, name: str) -> int | None:
    """Return the value that an argument is; None where it is no tensor."""
    found = operation.argument(position, name)
    return found.value if isinstance(found, Ref) else None
