"""The graph of one forward pass: values, and the operations that make them, with everything that they were given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

from torch import Tensor

Kind = Literal["input", "parameter", "auxiliary", "buffer", "constant", "activation"]


class Ref(NamedTuple):
    """Where a tensor stood among an operation's arguments: the index of its value."""

    value: int


@dataclass(slots=True)
class Value:
    """One tensor of the pass.

    Attributes:
        index: its place in `Graph.values`.
        tensor: on the meta device, with the true shape, strides and storage; a real one where it depends on no
            parameter and no floating input (`kind` "constant" or "buffer", and integer inputs).
        kind: where it comes from; "auxiliary" is a tensor behind a parametrized parameter other than its largest.
        name: the canonical name of a parameter or buffer, the place of an input; "" for others.
        maker: the index of the operation that made it; -1 for none.
        users: the indices of the operations that take it, in order.
    """

    index: int
    tensor: Tensor
    kind: Kind
    name: str = ""
    maker: int = -1
    users: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Operation:
    """One call of a torch function.

    Attributes:
        index: its place in `Graph.operations`, in the order of execution.
        name: the function's name, such as "linear", "matmul" or "softmax"; methods and functions alike.
        function: what was called.
        args, kwargs: as it was called, with `Ref`s in place of tensors.
        inputs, outputs: indices of values, each once, in the order of appearance.
        module: the canonical name of the innermost module that was running.
        call: how often that module had been called before in this pass.
        line: the source line outside torch, as "path/file.py:123".
        is_followed: whether gradients were recorded: not under `torch.no_grad()`. Only a trace that goes on to a loss
            looks at this.
    """

    index: int
    name: str
    function: Any = field(repr=False)
    args: tuple[Any, ...] = field(repr=False)
    kwargs: dict[str, Any] = field(repr=False)
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    module: str
    call: int
    line: str
    is_followed: bool = True

    def argument(self, position: int, name: str, default: Any = None) -> Any:
        """Return an argument given by position or by name."""
        if position < len(self.args):
            return self.args[position]
        return self.kwargs.get(name, default)


@dataclass(frozen=True, eq=False)
class Graph:
    """One forward pass of a model.

    Attributes:
        values, operations: in the order in which they appeared.
        inputs: the values that the model was called with.
        outputs: the values that it returned, in the order of its output's structure.
        parameters: the value of each parameter, by canonical name.
        fallbacks: sentences about operations that could not run on meta and what was done instead.
        inputs_in_words: what the model was called with.
        training: whether it ran in training mode.
        counterparts: the value of each tensor of the model that was traced (parameters, and what is behind them), by
            its identity.
        filled: constants that activations were written into, by the value that stands for each.
        fed: the values that the model was called with, and constants computed from them alone (token ids, reshaped).
        forward: how many of the operations are the model's own; what follows is the loss.
        start: the value from which a backward pass starts; -1 where there is none.
        beside: what else was computed of the model's output.
        functions: the names of `torch.autograd.Function`s that ran; their operations are here, their `backward` is not.
    """

    values: list[Value] = field(repr=False)
    operations: list[Operation] = field(repr=False)
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    parameters: dict[str, int] = field(repr=False)
    fallbacks: tuple[str, ...] = ()
    inputs_in_words: str = ""
    training: bool = False
    counterparts: dict[int, int] = field(default_factory=dict, repr=False)
    filled: dict[int, Tensor] = field(default_factory=dict, repr=False)
    fed: frozenset[int] = frozenset()
    forward: int = 0
    start: int = -1
    beside: tuple[int, ...] = ()
    functions: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.operations)

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.operations)

    @cached_property
    def is_output(self) -> frozenset[int]:
        """The indices of the values that the model returned."""
        return frozenset(self.outputs)

    def maker(self, value: int) -> Operation | None:
        """Return the operation that made a value, or None for inputs, parameters, buffers and constants."""
        index = self.values[value].maker
        return None if index < 0 else self.operations[index]

    def users(self, value: int) -> list[Operation]:
        """Return the operations that take a value."""
        return [self.operations[index] for index in self.values[value].users]


def references(structure: Any) -> Iterator[int]:
    """Yield the indices of all values in a structure of arguments.

    >>> list(references(((Ref(3), 1), {"x": [Ref(5)]})))
    [3, 5]
    """
    if isinstance(structure, Ref):
        yield structure.value
    elif isinstance(structure, (tuple, list)):
        for each in structure:
            yield from references(each)
    elif isinstance(structure, dict):
        for each in structure.values():
            yield from references(each)
    elif isinstance(structure, slice):
        yield from references((structure.start, structure.stop, structure.step))
