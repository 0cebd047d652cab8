"""The mode that sees every torch function of the measured pass, and writes down those that take the signal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from initwise.model.graph._calls import CallMode, source_line
from initwise.model.graph._vocabulary import INDEXING, VIEWS
from initwise.signals._call import Call, is_measurable
from initwise.signals._entropy import CrossEntropy, entropy_of
from initwise.signals._event import Event
from initwise.signals._instrument import Instrument, Numbers, after_activation, before_activation
from initwise.signals._knowledge import Knowledge, Known
from initwise.signals._moments import Sheet
from initwise.signals._places import Places
from initwise.signals._units import unit_axis

_MASKS = frozenset("masked_fill masked_fill_ where full full_like new_full triu tril".split())
_NO_EVENT = VIEWS | INDEXING | frozenset("contiguous clone float requires_grad_ detach pin_memory cpu cuda".split())
_LAYERS = frozenset("linear matmul __matmul__ addmm mm bmm einsum layer_norm rms_norm bilinear".split())
Signal = tuple[Tensor, Known]


@dataclass
class _Draft:
    """An event whose numbers are places in the sheet."""

    event: Event
    numbers: dict[str, int] = field(default_factory=dict)


class Recorder(CallMode):
    """Writes an event for each operation on the signal; `events()` when forward and backward pass are done."""

    def __init__(
        self,
        names: Mapping[int, str],
        canonical: Mapping[str | None, str],
        places: Places,
        instrument: Instrument | None = None,
    ) -> None:
        super().__init__()
        self.places = places
        self.knowledge = Knowledge(names, canonical, places)
        self.entropies: list[CrossEntropy] = []
        self.running = ""
        self.in_loss = False
        self._instrument = instrument or Instrument()
        self._sheet = Sheet()
        self._drafts: list[_Draft] = []

    def events(self) -> tuple[Event, ...]:
        """Return what was written down, with the numbers that the backward pass added."""
        numbers = self._sheet.read()
        found = []
        for draft in self._drafts:
            measured = {name: numbers[place] for name, place in draft.numbers.items()}
            found.append(replace(draft.event, **self._instrument.told(measured)))
        return tuple(found)

    def event_of(self, tensor: Tensor) -> int:
        """Return the event that made a tensor; -1 for none."""
        return self.knowledge.look(tensor).event

    def read(self, func: Any, args: tuple[Any, ...]) -> Any:
        """Return a property; a view of a tensor stands for it."""
        result = func(*args)
        if isinstance(result, Tensor) and isinstance(args[0], Tensor) and func.__self__.__name__ != "grad":
            self.knowledge.note(result, self.knowledge.look(args[0]))
        return result

    def called(self, func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run an operation, and measure what it makes."""
        self.running = name
        call = Call(func, name, args, kwargs)
        before = [(tensor, self.knowledge.look(tensor)) for tensor in call.taken]
        measured = self._before(call, before)
        result = call.run()
        made = call.made(result)
        if made:
            self._after(call, before, made, measured)
        return result

    def _before(self, call: Call, before: list[Signal]) -> dict[str, int]:
        """Measure what an in-place operation would overwrite."""
        if call.name in {"cross_entropy", "nll_loss"}:
            self._entropy(call)
        if not before or not is_measurable(before[0][0]) or not before[0][1].signal or self.in_loss:
            return {}
        tensor, known = before[0]
        return self._noted(before_activation(call, tensor, self._axis(known.event, tensor)))

    def _after(self, call: Call, before: list[Signal], made: list[Tensor], measured: dict[str, int]) -> None:
        signals = [(tensor, known) for tensor, known in before if known.signal]
        parameters = tuple(dict.fromkeys(name for _, known in before for name in known.parameters if not known.signal))
        if not signals:
            self.knowledge.settle(call, made, Known(parameters=parameters))
            return
        source = next((known.event for _, known in signals if known.event >= 0), -1)
        output = next((each for each in made if is_measurable(each)), None)
        if self.in_loss or output is None or _is_view(call, signals, parameters):
            self.knowledge.settle(call, made, Known(source, signal=True))
            return
        index = self._event(call, signals, parameters, output, measured)
        self.knowledge.settle(call, made, Known(index, signal=True))
        self.knowledge.note(output, Known(index, signal=True, whole=True))

    def _event(
        self,
        call: Call,
        signals: list[Signal],
        parameters: tuple[str, ...],
        output: Tensor,
        measured: dict[str, int],
    ) -> int:
        index = len(self._drafts)
        module, count = self.places.now
        event = Event(
            index=index,
            module=module,
            operation=call.name,
            call=count,
            line=source_line(),
            parameters=parameters,
            inputs=tuple(dict.fromkeys(known.event for _, known in signals)),
            shape=tuple(output.shape),
            mean=0.0,
            second_moment=0.0,
            peak=0.0,
            variation=None,
            designed=call.name in _MASKS or call.has_infinity,
        )
        self._drafts.append(draft := _Draft(event, measured))
        axis = self._axis(index, output)
        draft.numbers |= self._noted(self._instrument.output(output, axis))
        if parameters and is_measurable(signals[0][0]):
            draft.numbers |= self._given(*signals[0], inplace=call.in_place)
        units, active = after_activation(call, output, self._axis(signals[0][1].event, output))
        draft.event = replace(event, units=units)
        draft.numbers |= self._noted(active)
        self._follow(output, index)
        return index

    def _given(self, tensor: Tensor, known: Known, *, inplace: bool) -> dict[str, int]:
        """Return the moments of what an operation takes; those of an event's whole output are there already."""
        if known.whole:
            numbers = self._drafts[known.event].numbers
        elif inplace:
            return {}
        else:
            numbers = self._noted(self._instrument.given(tensor))
        return {f"input_{name}": numbers[name] for name in ("second_moment", "variation") if name in numbers}

    def _noted(self, numbers: Numbers) -> dict[str, int]:
        return {name: self._sheet.note(number) for name, number in numbers.items()}

    def _axis(self, index: int, tensor: Tensor) -> int:
        """Return the axis of the units: that of the operation that made the tensor."""
        made = self._drafts[index].event if index >= 0 else None
        while made is not None and unit_axis(made.operation) == -1 and made.operation not in _LAYERS and made.inputs:
            if made.inputs[0] < 0 or self._drafts[made.inputs[0]].event.shape != made.shape:
                break
            made = self._drafts[made.inputs[0]].event
        return unit_axis(made.operation) if made is not None and made.shape == tuple(tensor.shape) else -1

    def _follow(self, output: Tensor, index: int) -> None:
        """Measure the gradient when it arrives, at the node: torch may crash on hooks of tensors written into."""
        node, place = output.grad_fn, output.output_nr

        def arrive(gradients: tuple[Tensor | None, ...]) -> None:
            gradient = gradients[place]
            if gradient is not None:
                with torch.no_grad():
                    self._drafts[index].numbers |= self._noted(self._instrument.gradient(gradient))

        if node is not None:
            node.register_prehook(arrive)

    def _entropy(self, call: Call) -> None:
        logits = call.argument(0, "input", None)
        found = entropy_of(call.name, call.argument)
        if found is not None and self.knowledge.look(logits).signal:
            self.entropies.append(replace(found, event=self.event_of(logits)))


def _is_view(call: Call, signals: list[Signal], parameters: tuple[str, ...]) -> bool:
    """Tell whether an operation only looks at one signal differently."""
    return call.name in _NO_EVENT and not parameters and len({id(tensor) for tensor, _ in signals}) == 1
