"""The mode that sees every torch function of the measured pass, and writes down those that take the signal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from initwise.model.graph._calls import CallMode, in_place, source_line, storage_of
from initwise.model.graph._structures import tensors
from initwise.model.graph._vocabulary import INDEXING, VIEWS
from initwise.signals._entropy import CrossEntropy, entropy_of
from initwise.signals._event import Event
from initwise.signals._moments import Sheet, peak, plain, second_moment, variation
from initwise.signals._places import Places
from initwise.signals._units import bounds, dead_units, deviation, is_rectifier, saturated, unit_axis

_MASKS = frozenset("masked_fill masked_fill_ where full full_like new_full triu tril".split())
_NO_EVENT = VIEWS | INDEXING | frozenset("contiguous clone float requires_grad_ detach pin_memory cpu cuda".split())


class Known(NamedTuple):
    """What is known of a tensor: the event that made it (-1: an input of the model), what parameters it is made of."""

    event: int = -1
    signal: bool = False
    parameters: tuple[str, ...] = ()
    whole: bool = False  # it is the event's output itself, not a view or a part of it


_CONSTANT = Known()


@dataclass
class _Draft:
    """An event whose numbers are places in the sheet."""

    event: Event
    numbers: dict[str, int] = field(default_factory=dict)


class Recorder(CallMode):
    """Writes an event for each operation on the signal; `events()` when forward and backward pass are done."""

    def __init__(self, names: Mapping[int, str], canonical: Mapping[str | None, str], places: Places) -> None:
        super().__init__()
        self.places = places
        self.entropies: list[CrossEntropy] = []
        self._touched: set[str] = set()
        self.running = ""
        self.in_loss = False
        self._sheet = Sheet()
        self._drafts: list[_Draft] = []
        self._names = names  # of parameters, by their identity
        self._canonical = canonical  # name of parameters, by any name that they have
        self._known: dict[int, Known] = {}
        self._written: dict[int, Known] = {}  # memory that a signal was written into -> what it holds since
        self._keep: list[Any] = []

    def input(self, structure: Any) -> None:
        """Note what the model is called with."""
        for tensor in tensors(structure):
            self._note(tensor, Known(signal=True))

    def release(self) -> None:
        """Let go of all tensors of the forward pass."""
        self._known.clear()
        self._written.clear()
        self._keep.clear()

    def events(self) -> tuple[Event, ...]:
        """Return what was written down, with the numbers that the backward pass added."""
        numbers = self._sheet.read()
        found = []
        for draft in self._drafts:
            measured: dict[str, Any] = {name: numbers[place] for name, place in draft.numbers.items()}
            found.append(replace(draft.event, **measured))
        return tuple(found)

    @property
    def touched(self) -> frozenset[str]:
        """The parameters that any operation took."""
        return frozenset(self._touched)

    def event_of(self, tensor: Tensor) -> int:
        """Return the event that made a tensor; -1 for none."""
        return self._look(tensor).event

    def read(self, func: Any, args: tuple[Any, ...]) -> Any:
        """Return a property; a view of a tensor stands for it."""
        result = func(*args)
        if isinstance(result, Tensor) and isinstance(args[0], Tensor) and func.__self__.__name__ != "grad":
            self._note(result, self._look(args[0]))
        return result

    def called(self, func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run an operation, and measure what it makes."""
        self.running = name
        taken = list(tensors((args, kwargs)))
        before = [self._look(tensor) for tensor in taken]
        call = _Call(name, args, kwargs)
        measured = self._before(call, taken, before)
        result = _single(func, call) if name == "batch_norm" else func(*args, **kwargs)
        made = [args[0]] if in_place(name, kwargs) and args and isinstance(args[0], Tensor) else list(tensors(result))
        if made:
            self._after(call, taken, before, made, measured)
        return result

    def _before(self, call: _Call, taken: list[Tensor], before: list[Known]) -> dict[str, int]:
        """Measure what an in-place operation would overwrite."""
        if call.name in {"cross_entropy", "nll_loss"}:
            self._entropy(call)
        limits = bounds(call.name, call.argument)
        if limits is None or not taken or not _is_measurable(taken[0]) or not before[0].signal or self.in_loss:
            return {}
        return {"deviation": self._sheet.note(deviation(plain(taken[0]), self._axis(before[0], taken[0])))}

    def _after(
        self, call: _Call, taken: list[Tensor], before: list[Known], made: list[Tensor], measured: dict[str, int]
    ) -> None:
        signals = [(tensor, known) for tensor, known in zip(taken, before, strict=True) if known.signal]
        parameters = tuple(dict.fromkeys(name for known in before for name in known.parameters if not known.signal))
        if not signals:
            self._settle(call, made, Known(parameters=parameters))
            return
        source = next((known.event for _, known in signals if known.event >= 0), -1)
        output = next((each for each in made if _is_measurable(each)), None)
        if self.in_loss or output is None or _is_view(call, signals, parameters):
            self._settle(call, made, Known(source, signal=True))
            return
        index = self._event(call, signals, parameters, output, measured)
        self._settle(call, made, Known(index, signal=True))
        self._known[id(output)] = Known(index, signal=True, whole=True)

    def _event(
        self,
        call: _Call,
        signals: list[tuple[Tensor, Known]],
        parameters: tuple[str, ...],
        output: Tensor,
        measured: dict[str, int],
    ) -> int:
        index = len(self._drafts)
        module, count = self.places.now
        inputs = tuple(dict.fromkeys(known.event for _, known in signals))
        numbers = {**measured, **self._moments(output)}
        if parameters and _is_measurable(signals[0][0]):
            numbers |= self._given(*signals[0], inplace=in_place(call.name, call.kwargs))
        units = self._activation(call, signals, output, numbers)
        self._drafts.append(
            _Draft(
                Event(
                    index=index,
                    module=module,
                    operation=call.name,
                    call=count,
                    line=source_line(),
                    parameters=parameters,
                    inputs=inputs,
                    shape=tuple(output.shape),
                    mean=0.0,
                    second_moment=0.0,
                    peak=0.0,
                    variation=None,
                    designed=call.name in _MASKS or call.has_infinity,
                    units=units,
                ),
                numbers,
            )
        )
        self._follow(output, index)
        return index

    def _given(self, tensor: Tensor, known: Known, *, inplace: bool) -> dict[str, int]:
        """Return the moments of what an operation takes; those of an event's whole output are there already."""
        if known.whole:
            numbers = self._drafts[known.event].numbers
        elif inplace:
            return {}
        else:
            numbers = self._moments(tensor, brief=True)
        return {f"input_{name}": numbers[name] for name in ("second_moment", "variation") if name in numbers}

    def _moments(self, tensor: Tensor, *, brief: bool = False) -> dict[str, int]:
        values = plain(tensor)
        varied = variation(values)
        found = {"second_moment": second_moment(values)} | ({} if varied is None else {"variation": varied})
        if not brief:
            found |= {"mean": values.mean(), "peak": peak(values)}
        return {name: self._sheet.note(number) for name, number in found.items()}

    def _activation(
        self, call: _Call, signals: list[tuple[Tensor, Known]], output: Tensor, numbers: dict[str, int]
    ) -> int:
        limits = bounds(call.name, call.argument)
        if limits is not None:
            numbers["saturated"] = self._sheet.note(saturated(plain(output), *limits))
        if signals and output.dim() > 1 and is_rectifier(call.name, call.argument):
            units, share = dead_units(plain(output), self._axis(signals[0][1], output))
            numbers["dead"] = self._sheet.note(share)
            return units
        return 0

    def _axis(self, known: Known, tensor: Tensor) -> int:
        """Return the axis of the units: that of the operation that made the tensor."""
        made = self._drafts[known.event].event if known.event >= 0 else None
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
                    self._drafts[index].numbers["grad_second_moment"] = self._sheet.note(second_moment(plain(gradient)))

        if node is not None:
            node.register_prehook(arrive)

    def _entropy(self, call: _Call) -> None:
        logits = call.argument(0, "input", None)
        found = entropy_of(call.name, call.argument)
        if found is not None and self._look(logits).signal:
            self.entropies.append(replace(found, event=self.event_of(logits)))

    def _settle(self, call: _Call, made: list[Tensor], known: Known) -> None:
        inplace = in_place(call.name, call.kwargs)
        for tensor in made:
            self._note(tensor, known)
            if inplace and known.signal:
                self._written[storage_of(tensor)] = known

    def _note(self, tensor: Tensor, known: Known) -> None:
        if id(tensor) in self._names:
            return
        self._known[id(tensor)] = known
        self._keep.append(tensor)

    def _look(self, tensor: Tensor) -> Known:
        name = self._names.get(id(tensor))
        if name is not None:
            self._touched.add(name)
            return Known(parameters=(name,))
        found = self._known.get(id(tensor))
        latest = self._written.get(storage_of(tensor)) if self._written else None
        if latest is not None and (found is None or latest.event > found.event):
            return latest
        if found is not None and (found.signal or found.parameters or not tensor.requires_grad):
            return found
        name = self.places.parameter(tensor) if tensor.requires_grad else None
        if name in self._canonical:
            self._touched.add(self._canonical[name])
            return Known(parameters=(self._canonical[name],))
        if tensor.grad_fn is not None:
            return Known(signal=True)  # made where no mode looks: by a scripted module
        return _CONSTANT


_LAYERS = frozenset("linear matmul __matmul__ addmm mm bmm einsum layer_norm rms_norm bilinear".split())


class _Call:
    """An operation with its arguments."""

    def __init__(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.name, self.args, self.kwargs = name, args, kwargs

    def argument(self, position: int, name: str, default: Any = None) -> Any:
        """Return an argument given by position or by name."""
        return self.args[position] if position < len(self.args) else self.kwargs.get(name, default)

    @property
    def has_infinity(self) -> bool:
        """Whether a number among the arguments is infinite, as a mask's is."""
        return any(isinstance(each, float) and abs(each) == float("inf") for each in self.args)


def _is_view(call: _Call, signals: list[tuple[Tensor, Known]], parameters: tuple[str, ...]) -> bool:
    """Tell whether an operation only looks at one signal differently."""
    return call.name in _NO_EVENT and not parameters and len({id(tensor) for tensor, _ in signals}) == 1


def _is_measurable(tensor: Tensor) -> bool:
    if tensor.is_meta or tensor.numel() == 0 or not (tensor.is_floating_point() or tensor.is_complex()):
        return False
    return tensor.layout == torch.strided and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)  # noqa: SLF001


def _single(func: Callable[..., Any], call: _Call) -> Any:
    """Run a batch norm with its running statistics where the batch has one value a channel: it has no variance."""
    given, mean, training = call.argument(0, "input"), call.argument(1, "running_mean"), call.argument(5, "training")
    single = isinstance(given, Tensor) and given.dim() > 1 and given.numel() == given.shape[1]
    if not (single and training and mean is not None):
        return func(*call.args, **call.kwargs)
    kwargs = {**dict(zip(_BATCH_NORM, call.args, strict=False)), **call.kwargs, "training": False}
    return func(**kwargs)


_BATCH_NORM = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
