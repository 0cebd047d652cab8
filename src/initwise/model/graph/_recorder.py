"""What a trace writes down: every torch function that the pass calls, executed, with what it took and gave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from initwise.model.graph._calls import CallMode, in_place, source_line, storage_of
from initwise.model.graph._execution import Executor
from initwise.model.graph._graph import Graph, Kind, Operation, Ref, Value
from initwise.model.graph._structures import mapped, tensors

_FACTORY_PROPERTIES = frozenset({"T", "mT", "H", "mH", "data", "real", "imag"})
_INDEXED = frozenset({"__getitem__", "__setitem__"})
_WHOLE = frozenset({torch.int64, torch.int32, torch.int16, torch.int8})


class Recorder(CallMode):
    """Sees every torch function that the pass calls, has it executed, and writes it down."""

    def __init__(self) -> None:
        super().__init__()
        self.executor = Executor()
        self.values: list[Value] = []
        self.operations: list[Operation] = []
        self.known: dict[int, int] = {}  # identity of a live tensor -> index of its value
        self.names: dict[int, str] = {}  # identity of a buffer -> its canonical name
        self.keep: list[Any] = []
        self.given: list[int] = []
        self.parameters: dict[str, int] = {}
        self.filled: dict[int, Tensor] = {}  # storage of a constant that activations were written into -> one on meta
        self.counterparts: dict[int, Tensor] = {}  # identity of a view of such a constant -> that view on meta
        self.fed: dict[int, Tensor] = {}  # by identity, what was computed from inputs alone
        self.origins: dict[int, Tensor] = {}  # value of such a view on meta -> the constant
        self.forward, self.start = 0, -1
        self.beside: tuple[int, ...] = ()
        self.written: dict[int, int] = {}  # storage -> the value that was last written into it in place
        self.where: list[tuple[str, int]] = [("", 0)]
        self.calls: Counter[str] = Counter()
        self.running = ""
        self.functions: set[str] = set()  # names of the model's autograd functions that ran
        self.within: bool | None = None  # whether gradients were recorded around the one that runs

    @property
    def is_followed(self) -> bool:
        """Whether gradients are recorded now."""
        return torch.is_grad_enabled() if self.within is None else self.within

    def parameter(self, tensor: Tensor, name: str, kind: Kind) -> None:
        """Note a parameter's counterpart; of several that share a name the largest stands for it."""
        if kind == "parameter" and name in self.parameters:
            self.known[id(tensor)] = self.parameters[name]
            self.keep.append(tensor)
            return
        value = self._value(tensor, kind, name)
        if kind == "parameter":
            self.parameters[name] = value

    def input(self, structure: Any, place: str) -> Any:
        """Note what the model is called with; floating tensors go to meta."""

        def given(tensor: Tensor) -> Tensor:
            unknown = tensor.is_floating_point() or tensor.is_complex()
            made = torch.empty_like(tensor, device="meta") if unknown else tensor.detach().to("cpu")
            self.given.append(self._value(made, "input", place))
            self.fed[id(made)] = made
            return made

        return mapped(structure, given)

    def read(self, func: Any, args: tuple[Any, ...]) -> Any:
        """Return a property; those that look at the tensor differently are operations."""
        name = func.__self__.__name__
        if name in _FACTORY_PROPERTIES and not args[0].__class__.__name__.startswith("Batched"):
            return self.called(func, name, args, {})
        return func(*args)

    def called(self, func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Execute an operation and write it down, unless all that it takes is constant."""
        self.running = name
        inplace = in_place(name, kwargs)
        args, kwargs = self._current(args, kwargs)
        taken = list(tensors((args, kwargs)))
        if not any(tensor.is_meta for tensor in taken):
            result = self.executor.call(func, name, args, kwargs)
            if any(id(tensor) in self.fed for tensor in taken):
                self.fed.update({id(tensor): tensor for tensor in tensors(result)})
            return result
        if inplace and isinstance(args[0], Tensor) and not args[0].is_meta:
            self.filled[storage_of(args[0])] = _without_memory(args[0])
            args, kwargs = self._current(args, kwargs)
            taken = list(tensors((args, kwargs)))
        if name in _INDEXED:
            args = _plain_index(args)
        before = [self._known(tensor) for tensor in taken]
        result = self.executor.call(func, name, args, kwargs)
        made = list(tensors(result))
        if inplace:
            self._note(func, name, args, kwargs, before, [args[0] if isinstance(args[0], Tensor) else taken[0]])
        elif made:
            fresh = [tensor for tensor in made if all(tensor is not each for each in taken)]
            if fresh:
                self._note(func, name, args, kwargs, before, fresh)
        return result

    def _note(
        self, func: Any, name: str, args: Any, kwargs: Any, inputs: Sequence[int], made: Sequence[Tensor]
    ) -> None:
        index = len(self.operations)
        noted = mapped((args, kwargs), lambda tensor: Ref(self._known(tensor)))
        outputs = []
        inplace = in_place(name, kwargs)
        for tensor in made:
            real = not tensor.is_meta
            value = self._value(tensor, "constant" if real and not inplace else "activation")
            self.values[value].maker = index
            outputs.append(value)
            if inplace:
                self.written[storage_of(tensor)] = value
        unique = tuple(dict.fromkeys(inputs))
        for value in unique:
            self.values[value].users.append(index)
        module, call = self.where[-1]
        self.operations.append(
            Operation(
                index,
                name,
                func,
                noted[0],
                noted[1],
                unique,
                tuple(outputs),
                module,
                call,
                source_line(),
                self.is_followed,
            )
        )

    def _value(self, tensor: Tensor, kind: Kind, name: str = "") -> int:
        index = len(self.values)
        self.values.append(Value(index, tensor, kind, name))
        self.known[id(tensor)] = index
        return index

    def _known(self, tensor: Tensor) -> int:
        """Return the value of a tensor; one that was written into since it was made is a new value."""
        found = self.known.get(id(tensor))
        if found is None:
            name = self.names.get(id(tensor))
            if name is None and tensor.is_meta and id(tensor) not in self.executor.large:
                return self._value(tensor, "activation")  # made where no pass shows it: by a scripted module
            return self._value(tensor, "constant" if name is None else "buffer", name or "")
        if self.written and tensor.is_meta:
            latest = self.written.get(storage_of(tensor))
            if latest is not None and latest > found:
                return self._rewritten(tensor, found, latest)
        return found

    def _rewritten(self, tensor: Tensor, found: int, latest: int) -> int:
        """The same memory was written through another view: what is read now depends on both."""
        return self._alias(tensor, tuple(dict.fromkeys((found, latest))))

    def _alias(self, tensor: Tensor, inputs: tuple[int, ...]) -> int:
        index, (module, call) = len(self.operations), self.where[-1]
        value = self._value(tensor, "activation")
        self.values[value].maker = index
        for each in inputs:
            self.values[each].users.append(index)
        args = tuple(Ref(each) for each in inputs)
        self.operations.append(Operation(index, "alias", None, args, {}, inputs, (value,), module, call, source_line()))
        return value

    def _current(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Put a tensor without memory in the place of each constant that activations were written into."""
        if not self.filled:
            return args, kwargs
        return mapped(args, self._counterpart), mapped(kwargs, self._counterpart)

    def _counterpart(self, tensor: Tensor) -> Tensor:
        """Return what stands for a constant: itself, or a view of the memory that activations were written into."""
        filled = None if tensor.is_meta else self.filled.get(storage_of(tensor))
        if filled is None:
            return tensor
        if id(tensor) not in self.counterparts:
            made = torch.as_strided(filled, tensor.shape, tensor.stride(), tensor.storage_offset())
            self.counterparts[id(tensor)] = made
            self.keep.append(tensor)
            latest = self.written.get(storage_of(made))
            value = self._value(made, "activation") if latest is None else self._alias(made, (latest,))
            self.origins[value] = tensor
        return self.counterparts[id(tensor)]

    def blame(self, error: Exception, words: str) -> str:
        """Say which operation failed where, with what."""
        module = self.where[-1][0] if self.where else ""
        place = f" in {module!r}" if module else ""
        said = str(error).strip().splitlines()
        tried = f" with {words}" if words else ""
        return (
            f"{self.running or 'forward'}{place} raised {type(error).__name__}{tried}: {said[0] if said else error!r}"
        )

    def is_unfit(self, error: Exception) -> bool:
        """Tell whether an error is about the inputs: meta has no part in it, and no value was made up before."""
        about_meta = isinstance(error, NotImplementedError) or any(
            word in str(error) for word in ("meta", "data-dependent", "Meta", "stand-ins", "FakeTensor")
        )
        return not about_meta and not self.executor.fallbacks

    def finish(self, result: Any, function: Callable[[Any], Sequence[Any]] | None) -> None:
        """Trace what comes after the model: a loss."""
        self.forward = len(self.operations)
        if function is not None:
            self.where.append(("", 0))
            start, *beside = function(result)
            self.start = self._known(start) if isinstance(start, Tensor) else -1
            self.beside = tuple(self._known(each) for each in beside)

    def graph(self, result: Any, words: str, training: bool) -> Graph:
        """Return what was written down."""
        outputs = [self._known(tensor) for tensor in tensors(result) if id(tensor) in self.known or tensor.is_meta]
        return Graph(
            self.values,
            self.operations,
            tuple(dict.fromkeys(self.given)),
            tuple(dict.fromkeys(outputs)),
            self.parameters,
            tuple(self.executor.fallbacks.values()),
            words,
            training,
            filled=self.origins,
            fed=frozenset(self.known[each] for each in self.fed if each in self.known),
            forward=self.forward,
            start=self.start,
            beside=self.beside,
            functions=tuple(sorted(self.functions)),
        )


def _without_memory(tensor: Tensor) -> Tensor:
    """Return a tensor on meta that is as long as the memory that a tensor is a view of."""
    length = tensor.untyped_storage().nbytes() // tensor.element_size()
    return torch.empty(length, dtype=tensor.dtype, device="meta")


def _plain_index(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Turn whole numbers that index as tensors without axes into integers: they select, and look nothing up."""

    def plain(each: Any) -> Any:
        if isinstance(each, Tensor) and each.dim() == 0 and not each.is_meta and each.dtype in _WHOLE:
            return int(each)
        return each

    index = args[1]
    found = tuple(map(plain, index)) if type(index) is tuple else plain(index)
    return (args[0], found, *args[2:])
