"""One sample of the whole pass: every operation forward on samples, then backward, with what is seen on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from initwise.model.graph import Graph, Operation, Ref
from initwise.model.graph._calls import in_place
from initwise.model.graph._execution import CHOICES
from initwise.model.graph._structures import mapped
from initwise.signals.forecast._axes import Axes
from initwise.signals.forecast._given import refuse_unfit
from initwise.signals.forecast._observe import Observed, observe
from initwise.signals.forecast._state import Call, Widths, scaled
from initwise.signals.forecast._supply import Supply
from initwise.signals.forecast._table import find, qualified

_HALF = frozenset({torch.float16, torch.bfloat16})


class Misfit(Exception):  # noqa: N818 - no error of the user's: the sample is drawn again with this operation held
    """An operation did not run on what was sampled."""

    def __init__(self, operation: Operation, error: Exception) -> None:
        super().__init__(f"{operation.name} in {operation.module!r} raised {type(error).__name__}: {error}")
        self.operation = operation
        self.error = error


@dataclass(eq=False)
class Sample:
    """What one sample shows.

    Attributes:
        seen: by operation, what was seen of its output.
        gradients: by parameter, the second moment of its gradient; None where none arrives.
        moments: by parameter, the second moment of its values.
        is_detached: the backward pass starts from something that depends on no parameter.
        loss: the value that the backward pass starts from; None where it is unknown or there is none.
        beside: the values of `Graph.beside`.
        unknown: by operation, why it is unknown.
    """

    seen: dict[int, Observed] = field(default_factory=dict)
    gradients: dict[str, float | None] = field(default_factory=dict)
    moments: dict[str, float] = field(default_factory=dict)
    loss: float | None = None
    beside: tuple[float, ...] = ()
    is_detached: bool = False
    unknown: dict[int, str] = field(default_factory=dict)


class Runner:
    """Runs the operations of a graph on samples."""

    def __init__(
        self, graph: Graph, axes: Axes, widths: Widths, supply: Supply, rows: Mapping[int, int], *, whole: bool
    ):
        self.graph, self.axes, self.widths, self.supply = graph, axes, widths, supply
        self.rows = rows  # operations that are told about -> the axis of their units
        self.whole = whole  # all channels are there: what fails now is unknown
        self.last = _last_uses(graph)
        self.seed = 0
        self.values: dict[int, Tensor] = {}
        self.leaves: dict[int, Tensor] = {}
        self.why: dict[int, str] = {}
        self.memory: dict[int, Tensor] = {}

    def sample(self, seed: int) -> Sample:
        """Return what one sample under `seed` shows.

        Raises:
            Misfit: an operation did not run at these widths.
        """
        self.seed = seed
        self.clear()
        made = Sample()
        with torch.enable_grad():
            for operation in self.graph:
                self._step(operation, made)
            self._backward(made)
        self.clear()
        return made

    def clear(self) -> None:
        """Let go of all samples."""
        self.values.clear()
        self.leaves.clear()
        self.why.clear()
        self.memory.clear()

    # ------------------------------------------------------------------------------------------ forward

    def _step(self, operation: Operation, made: Sample) -> None:
        unknown, result = self._unknown(operation), None
        if unknown is None:
            try:
                with torch.set_grad_enabled(operation.is_followed):
                    result = self._run(operation)
            except Exception as error:
                if not self.whole:
                    raise Misfit(operation, error) from error
                refuse_unfit(self.graph, operation, error)
                unknown = f"{operation.name} failed on its sample: {type(error).__name__}: {error}"
        if unknown is not None:
            made.unknown[operation.index] = unknown
            for output in operation.outputs:
                self.why[output] = unknown
            return
        self._keep(operation, result)
        axis = self.rows.get(operation.index)
        if axis is not None:
            made.seen[operation.index] = observe(self.values[operation.outputs[0]], axis)
        for value in self.last.get(operation.index, ()):
            if value not in self.leaves:
                self.values.pop(value, None)

    def _unknown(self, operation: Operation) -> str | None:
        """Return why an operation cannot be predicted; None where it can."""
        for index in operation.inputs:
            if index in self.why:
                return self.why[index]
            if index not in self.values:
                self._start(index)
            if index in self.why:
                return self.why[index]
        if operation.function is not None and find(operation) is None:
            return (
                f"{operation.name!r} has no rule; add one with @iw.signals.rule({qualified(operation.function)}),"
                " or measure it with iw.measure"
            )
        return None

    def _start(self, index: int) -> None:
        """Sample a value that no operation made."""
        value = self.graph.values[index]
        if index in self.graph.filled:
            self.values[index] = self._view(index)
            return
        found = self.supply.sample(index, self.axes, self.widths, self.seed)
        if isinstance(found, str):
            self.why[index] = found
            return
        if value.kind in ("parameter", "auxiliary") and found.is_floating_point():
            found = nn.Parameter(found.detach(), requires_grad=index not in self.supply.frozen)
            self.leaves[index] = found
        self.values[index] = found

    def _view(self, index: int) -> Tensor:
        """Return a view of the memory that activations are written into, a copy of the constant's."""
        constant = self.graph.filled[index]
        place = constant.untyped_storage().data_ptr()
        if place not in self.memory:
            length = constant.untyped_storage().nbytes() // constant.element_size()
            self.memory[place] = torch.as_strided(constant, (length,), (1,), 0).clone()
        return torch.as_strided(self.memory[place], constant.shape, constant.stride(), constant.storage_offset())

    def _run(self, operation: Operation) -> Any:
        if operation.function is None:  # memory that was written through another view
            return self._again(operation)
        if in_place(operation.name, operation.kwargs) and operation.inputs[0] in self.leaves:
            return self._rewritten(operation)
        rule = find(operation)
        assert rule is not None  # noqa: S101 - the caller has looked

        def given(ref: Ref) -> Tensor:
            tensor = self.values[ref.value]
            over = self.axes.spread.get((operation.index, ref.value))
            return tensor if over is None else scaled(tensor, self.widths.ratio(over) ** 0.5)

        args, kwargs = _filled((operation.args, operation.kwargs), given)
        shape = self.widths.shape(self.axes.of(operation.outputs[0]))
        call = Call(
            operation, operation.function, args, kwargs, shape, self.widths, self.axes.of, self.values.__getitem__
        )
        return rule.run(call)

    def _rewritten(self, operation: Operation) -> Tensor:
        """Return a parameter that the model itself writes into, which it can only do without a gradient."""
        index = operation.inputs[0]
        plain = self.leaves[index].detach().clone()
        args, kwargs = _filled((operation.args, operation.kwargs), lambda ref: self.values[ref.value].detach())
        with torch.no_grad():
            operation.function(plain, *args[1:], **kwargs)
        self.leaves[index] = self.values[index] = nn.Parameter(plain, requires_grad=self.leaves[index].requires_grad)
        return self.leaves[index]

    def _again(self, operation: Operation) -> Tensor:
        target = self.graph.values[operation.outputs[0]]
        if target.index in self.graph.filled:
            return self._view(target.index)
        same = self.values[operation.inputs[0]]
        if tuple(self.graph.values[operation.inputs[0]].tensor.shape) != tuple(target.tensor.shape):
            raise ValueError("it reads memory that was written under another shape")
        return same

    def _keep(self, operation: Operation, result: Any) -> None:
        if len(operation.outputs) == 1 and self.graph.values[operation.outputs[0]].maker == operation.index:
            tensors = [_only(result, operation, self.values)]
        else:
            tensors = _tensors(result)
        for index, tensor in zip(operation.outputs, tensors, strict=False):
            value = self.graph.values[index]
            own = value.kind != "constant" or (operation.name in CHOICES and tensor.shape == value.tensor.shape)
            self.values[index] = tensor if own else value.tensor
            expected = self.widths.shape(self.axes.of(index))
            if tuple(self.values[index].shape) != expected:
                raise Misfit(operation, ValueError(f"{tuple(tensor.shape)} is not the expected {expected}"))

    # ------------------------------------------------------------------------------------------ backward

    def _backward(self, made: Sample) -> None:
        told = {index: name for name, index in self.graph.parameters.items() if index in self.leaves}
        for index, name in told.items():
            made.moments[name] = _square(self.leaves[index].detach()) or 0.0
        start = self.values.get(self.graph.start)
        if start is None:
            return
        made.loss = float(start.detach())
        made.beside = tuple(float(self.values[each].detach()) for each in self.graph.beside if each in self.values)
        if not start.requires_grad:
            made.is_detached = True
            return
        trained = {name: self.leaves[index] for index, name in told.items() if self.leaves[index].requires_grad}
        gradients = torch.autograd.grad(start, list(trained.values()), allow_unused=True)
        for name, gradient in zip(trained, gradients, strict=True):
            made.gradients[name] = _square(gradient)


def _square(gradient: Tensor | None) -> float | None:
    return None if gradient is None else float(torch.linalg.vector_norm(gradient)) ** 2 / max(gradient.numel(), 1)


def _only(result: Any, operation: Operation, values: dict[int, Tensor]) -> Tensor:
    found = _tensors(result)
    if not found:
        return values[operation.inputs[0]]  # `x[...] = y` returns nothing
    return found[0]


def _tensors(structure: Any) -> list[Tensor]:
    if isinstance(structure, Tensor):
        return [structure]
    if isinstance(structure, (tuple, list)):
        return [each for part in structure for each in _tensors(part)]
    return []


def _filled(structure: Any, given: Any) -> Any:
    """Return arguments with samples in place of references, on the CPU and in single precision."""
    if isinstance(structure, Ref):
        return given(structure)
    if isinstance(structure, torch.dtype):
        return torch.float32 if structure in _HALF else structure
    if type(structure) is torch.device:
        return torch.device("cpu")
    if isinstance(structure, dict):
        return {name: _filled(each, given) for name, each in structure.items()}
    if isinstance(structure, slice):
        return slice(*(_filled(each, given) for each in (structure.start, structure.stop, structure.step)))
    if type(structure) in (tuple, list):
        return type(structure)(_filled(each, given) for each in structure)
    return mapped(structure, lambda tensor: tensor)


def _last_uses(graph: Graph) -> dict[int, list[int]]:
    """Return which values are used for the last time by each operation; the start is kept."""
    found: dict[int, list[int]] = {}
    for value in graph.values:
        if value.users and value.index != graph.start and value.index not in graph.beside:
            found.setdefault(value.users[-1], []).append(value.index)
    return found
