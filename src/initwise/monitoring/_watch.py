"""One forward pass with its backward pass, seen by hooks that are there for one step only."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from initwise.model import Reading
from initwise.model.graph._structures import tensors
from initwise.monitoring import _numbers
from initwise.monitoring._activations import Activations
from initwise.monitoring._frame import LayerRow
from initwise.monitoring._hook import Hook
from initwise.monitoring._numbers import Numbers, quietly
from initwise.monitoring._wrappers import is_compiled, visible
from initwise.signals._call import is_measurable
from initwise.signals._moments import Sheet
from initwise.signals._places import Places

_CALLS = 4  # of one module that are looked at: a cell may be called a thousand times
_CHANNELS = (nn.modules.conv._ConvNd, nn.modules.batchnorm._NormBase, nn.GroupNorm)  # noqa: SLF001 - their base classes


@dataclass
class _Draft:
    """A row whose numbers are places in the sheet."""

    row: LayerRow
    numbers: dict[str, int] = field(default_factory=dict)


class Watch:
    """Hooks on all modules that Python runs, from `attach` to `detach`; `rows` when the step is over.

    Looks at the first forward pass with gradients. Passes after it (other micro-batches) and within the backward pass
    (what checkpoints compute again) go by.

    Attributes:
        inputs: what the model was called with; None where it was not called itself.
        unlinked: layers that ran without autograd inside a pass that has it, as reentrant checkpoints do.
    """

    def __init__(self, reading: Reading, sheet: Sheet, *, light: bool = False) -> None:
        self._owned = _owned(reading)
        self._model, self._sheet, self._light = reading.model, sheet, light
        self._places = Places()
        self._drafts: list[_Draft] = []
        self._active: dict[tuple[str, int], Numbers] = {}
        self._units: dict[tuple[str, int], int] = {}
        self._feeders: dict[tuple[int, ...], tuple[str, int]] = {}
        self._handles: list[Any] = []
        self._running: list[nn.Module] = []
        self._over, self._muted = False, False
        self._stack = ExitStack()
        self._compiled = any(map(is_compiled, reading.model.modules()))
        self.inputs: tuple[tuple[Any, ...], dict[str, Any]] | None = None
        self.unlinked: dict[str, None] = {}

    @property
    def saw(self) -> bool:
        """Whether a module of the model ran with gradients."""
        return bool(self._drafts)

    def attach(self) -> None:
        """Hook all modules."""
        for name, module in visible(self._model):
            self._handles += [
                module.register_forward_pre_hook(Hook(self._enterer(name)), prepend=True, with_kwargs=True),
                module.register_forward_hook(Hook(self._leaver(name)), always_call=True),
            ]

    def detach(self) -> None:
        """Remove every hook."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._stack.close()

    def rows(self, numbers: list[Any], scale: float) -> tuple[LayerRow, ...]:
        """Return the rows, from the sheet's numbers; gradients are divided by the scale of the loss."""
        return tuple(
            replace(draft.row, **_numbers.read({name: numbers[place] for name, place in draft.numbers.items()}, scale))
            for draft in self._drafts
        )

    def _enterer(self, name: str) -> Any:
        def enter(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if not self._running:
                self._begin(name, args, kwargs)
            self._running.append(module)
            self._places.enter(name, module)

        return enter

    def _leaver(self, name: str) -> Any:
        def leave(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            if not self._running:
                return
            place = self._places.now
            self._places.leave()
            self._running.pop()
            if not self._muted and place[1] < _CALLS and (self._owned.get(name) or _is_leaf(module)):
                self._output(place, module, output)
            if not self._running:
                self._stack.close()
                self._over = self._over or (name == "" and not self._muted)

        return leave

    def _begin(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """An outermost module begins."""
        in_backward = torch._C._current_graph_task_id() != -1  # noqa: SLF001 - nothing public tells
        self._muted = self._over or in_backward or not torch.is_grad_enabled()
        if self._muted:
            return
        if name == "" and self.inputs is None:
            self.inputs = args, kwargs
        if not (self._light or self._compiled):
            self._stack.enter_context(Activations(self._axis, self._activated))

    def _output(self, place: tuple[str, int], module: nn.Module, output: Any) -> None:
        tensor = next((each for each in tensors(output) if is_measurable(each)), None)
        if tensor is None:
            return
        shape = tuple(tensor.shape)
        parameters = self._owned.get(place[0], ())
        axis = 1 if isinstance(module, _CHANNELS) else -1 if parameters else self._axis(tensor)
        feeder = self._feeders.get(shape, ("", -1))[0]
        row = LayerRow(place[0], place[1], type(module).__name__, "" if parameters else feeder, parameters, shape)
        with quietly(tensor):
            if self._light:
                numbers = _numbers.extremes(_numbers.thinned(tensor))
            else:
                numbers = _numbers.of_output(tensor, axis, rank=bool(parameters) and tensor.dim() > 1)
        draft = self._note(row, numbers | self._active.pop(place, {}))
        draft.row = replace(draft.row, units=self._units.pop(place, 0))
        if parameters:
            self._feeders[shape] = place[0], axis
        self._follow(tensor, draft)

    def _activated(self, operation: str, output: Tensor, units: int, numbers: Numbers) -> None:
        """A function activated units: a row of its own, unless it is the work of an activation's own module."""
        name, call = place = self._places.now
        if call >= _CALLS:
            return
        if not self._owned.get(name) and _is_leaf(self._running[-1]):
            self._active[place], self._units[place] = numbers, units
            return
        shape = tuple(output.shape)
        feeder = self._feeders.get(shape, ("", -1))[0]
        with quietly(output):
            moments = _numbers.of_output(output, self._axis(output), rank=False)
        row = LayerRow(name, call, operation, feeder, (), shape, units=units)
        self._follow(output, self._note(row, moments | numbers))

    def _note(self, row: LayerRow, numbers: Numbers) -> _Draft:
        self._drafts.append(draft := _Draft(row, {name: self._sheet.note(number) for name, number in numbers.items()}))
        return draft

    def _follow(self, output: Tensor, draft: _Draft) -> None:
        """Measure the gradient at the node: torch may crash on hooks of tensors that are written into later."""
        node, place = output.grad_fn, output.output_nr
        if not torch.is_grad_enabled():
            self.unlinked[draft.row.module] = None
        if node is None or self._light:
            return

        def arrive(gradients: tuple[Tensor | None, ...]) -> None:
            gradient = gradients[place]
            self._over = True  # what runs from here on belongs to other micro-batches
            if gradient is not None:
                with quietly(gradient):
                    found = _numbers.of_gradient(gradient)
                draft.numbers.update({name: self._sheet.note(number) for name, number in found.items()})

        self._handles.append(node.register_prehook(arrive))

    def _axis(self, tensor: Tensor) -> int:
        """Return the axis of the units: that of the last layer whose output had this shape."""
        known = self._feeders.get(tuple(tensor.shape))
        return known[1] if known is not None else 1 if tensor.dim() > 3 else -1


def _is_leaf(module: nn.Module) -> bool:
    """Tell whether nothing is seen below a module."""
    return is_compiled(module) or not any(True for _ in module.children())


def _owned(reading: Reading) -> Mapping[str, tuple[str, ...]]:
    """Return by module the canonical names of the parameters that it owns."""
    found: dict[str, list[str]] = {}
    for parameter in reading.parameters:
        for owner in parameter.owners:
            found.setdefault(owner.module_name, []).append(parameter.name)
    return {name: tuple(dict.fromkeys(names)) for name, names in found.items()}
