"""`trace`: run a model's forward pass once, on its twin, and write down every operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from initwise.errors import InitwiseError
from initwise.model._names import canonical_name
from initwise.model.graph._graph import Graph
from initwise.model.graph._recorder import Recorder
from initwise.model.graph._state import undisturbed
from initwise.model.graph._twin import twin


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
        recorder = Recorder()
        for identity, tensor in counterparts.items():
            name = names.get(identity, "")
            recorder.parameter(tensor, name, "auxiliary" if identity in auxiliary or not name else "parameter")
        for path, buffer in copied.named_buffers():
            recorder.names[id(buffer)] = canonical_name(path, parallel=parallel)
            recorder.keep.append(buffer)
        given = tuple(recorder.input(each, str(place)) for place, each in enumerate(args))
        named = {key: recorder.input(each, key) for key, each in (kwargs or {}).items()}
        if finish is not None:  # the model then sees gradients enabled, as in a real pass, and nothing keeps any
            copied.requires_grad_(requires_grad=False)
        try:
            with (
                torch.set_grad_enabled(finish is not None),
                _modules_told(copied, recorder),
                _scripts_told(recorder),
                _functions_told(recorder),
                recorder,
            ):
                result = copied(*given, **named)
                recorder.finish(result, finish)
        except InitwiseError:
            raise
        except Exception as error:
            raise TraceError(recorder.blame(error, words), unfit=recorder.is_unfit(error)) from error
        found = recorder.graph(result, words, training)
    found.counterparts.update({identity: recorder.known[id(tensor)] for identity, tensor in counterparts.items()})
    return found


@contextmanager
def _modules_told(model: nn.Module, recorder: Recorder) -> Iterator[None]:
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
def _scripts_told(recorder: Recorder) -> Iterator[None]:
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


@contextmanager
def _functions_told(recorder: Recorder) -> Iterator[None]:
    """Note functions of the model's own with a backward pass of their own: what they call is recorded, not that.

    Their forward runs without gradients, and is followed all the same where gradients were recorded around it.
    """
    kind: Any = torch.autograd.Function
    original = vars(kind)["apply"]

    def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
        if not cls.__module__.startswith("torch."):  # those of torch, as checkpointing, do not change the gradient
            recorder.functions.add(cls.__name__)
        outer, recorder.within = recorder.within, recorder.is_followed
        try:
            return original.__get__(None, cls)(*args, **kwargs)
        finally:
            recorder.within = outer

    kind.apply = classmethod(apply)
    try:
        yield
    finally:
        kind.apply = original
