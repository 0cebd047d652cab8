"""`trace`: run a model's forward pass once, on its twin, and write down every operation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from initwise.errors import InitwiseError
from initwise.model._names import canonical_name
from initwise.model.graph._calls import CallMode, in_place, source_line, storage_of
from initwise.model.graph._execution import Executor
from initwise.model.graph._graph import Graph, Kind, Operation, Ref, Value
from initwise.model.graph._state import undisturbed
from initwise.model.graph._structures import mapped, tensors
from initwise.model.graph._twin import twin

_FACTORY_PROPERTIES = frozenset({"T", "mT", "H", "mH", "data", "real", "imag"})
_INDEXED = frozenset({"__getitem__", "__setitem__"})
_WHOLE = frozenset({torch.int64, torch.int32, torch.int16, torch.int8})


class TraceError(InitwiseError):
    """The forward pass did not run on meta: the operation or the model's own error, and what was tried.

    Attributes:
        unfit: the error is the model's own about its inputs, not that of an operation that meta cannot run.
    """

    def __init__(self, message: str, *, unfit: bool = False) -> None:
        super().__init__(message)
        self.unfit = unfit


def trace(
    model: nn.Module,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    names: Mapping[int, str],
    auxiliary: frozenset[int] = frozenset(),
    parallel: bool = False,
    words: str = "",
    training: bool = False,
    modes: Callable[[nn.Module], None] | None = None,
    finish: Callable[[Any], Sequence[Any]] | None = None,
) -> Graph:
    """Return the graph of one forward pass of `model`; the model itself is neither run nor changed.

    Args:
        args, kwargs: what forward is called with; floating tensors lose their values, others keep them.
        names: the canonical name of each parameter, by the identity of its tensor.
        auxiliary: identities of tensors behind parametrized parameters that are not to count as the parameter.
        parallel: the root is a data-parallel wrapper.
        words: the inputs in words, for the graph.
        training: run in training mode, else in evaluation mode.
        modes: puts the twin's modules into other modes.
        finish: a function that is traced too, from the model's output to a scalar or None, such as a loss, and other
            tensors.

    Raises:
        TraceError: the pass failed; its cause is the model's own error.
    """
    with undisturbed():
        copied, counterparts = twin(model)
        copied.train(training)
        if modes is not None:
            modes(copied)
        recorder = _Recorder()
        for identity, tensor in counterparts.items():
            name = names.get(identity, "")
            recorder.parameter(tensor, name, "auxiliary" if identity in auxiliary or not name else "parameter")
        for path, buffer in copied.named_buffers():
            recorder.names[id(buffer)] = canonical_name(path, parallel=parallel)
            recorder.keep.append(buffer)
        given = tuple(recorder.input(each, str(place)) for place, each in enumerate(args))
        named = {key: recorder.input(each, key) for key, each in (kwargs or {}).items()}
        try:
            with _modules_told(copied, recorder), _scripts_told(recorder), recorder:
                result = copied(*given, **named)
                recorder.finish(result, finish)
        except InitwiseError:
            raise
        except Exception as error:
            raise TraceError(recorder.blame(error, words), unfit=recorder.is_unfit(error)) from error
        found = recorder.graph(result, words, training)
    found.counterparts.update({identity: recorder.known[id(tensor)] for identity, tensor in counterparts.items()})
    return found


class _Recorder(CallMode):
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
            Operation(index, name, func, noted[0], noted[1], unique, tuple(outputs), module, call, source_line())
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


@contextmanager
def _modules_told(model: nn.Module, recorder: _Recorder) -> Iterator[None]:
    """Keep the recorder told which module of the twin is running."""
    parallel = False
    handles = []
    for path, module in model.named_modules():
        name = canonical_name(path, parallel=parallel)

        def enter(module: nn.Module, args: Any, name: str = name) -> None:
            recorder.where.append((name, recorder.calls[name]))
            recorder.calls[name] += 1

        def leave(module: nn.Module, args: Any, output: Any) -> None:
            if len(recorder.where) > 1:
                recorder.where.pop()

        if not isinstance(module, torch.jit.ScriptModule):
            handles.append(module.register_forward_pre_hook(enter, prepend=True))
            handles.append(module.register_forward_hook(leave))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _scripts_told(recorder: _Recorder) -> Iterator[None]:
    """Record scripted functions as one operation each; torch does not hand them over to a mode."""
    kind: Any = torch.jit.ScriptFunction
    original = kind.__call__

    def call(function: Any, *args: Any, **kwargs: Any) -> Any:
        with torch._C.DisableTorchFunction():
            return recorder.called(lambda *a, **k: original(function, *a, **k), function.name, args, kwargs)

    kind.__call__ = call
    try:
        yield
    finally:
        kind.__call__ = original
