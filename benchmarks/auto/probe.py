"""Watching the real model run: the second moments of what chosen operations make, and of the gradients there.

The graph of a traced pass says which operations hold weights and write into residual streams. An operation of the real
pass is the same one if it has its place: module, call of that module, function, shape, and number among such.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from initwise.model import Graph, canonical_name
from initwise.model.graph import Operation
from initwise.model.graph._calls import DESCENDED, descended, in_place
from initwise.model.graph._structures import tensors
from initwise.model.graph._vocabulary import RECURRENT


class Place(NamedTuple):
    """Where an operation stands in a pass."""

    module: str
    call: int
    name: str
    shape: tuple[int, ...]
    number: int


@dataclass
class Seen:
    """What was measured of one operation.

    Attributes:
        squares: the second moment of each output, means over all elements.
        gradient: the sum over positions of the squared gradients with respect to the first output; None without one.
    """

    squares: list[float]
    gradient: float | None = None


@dataclass
class Places:
    """Numbers operations that are otherwise alike."""

    counted: Counter[tuple[Any, ...]] = field(default_factory=Counter)

    def next(self, module: str, call: int, name: str, shape: torch.Size) -> Place:
        """Return the place of the next operation."""
        alike = (module, call, name, tuple(shape))
        self.counted[alike] += 1
        return Place(*alike, self.counted[alike] - 1)


def places(graph: Graph) -> dict[int, Place]:
    """Return the place of every operation of a graph, by its index."""
    counted = Places()
    return {
        operation.index: counted.next(operation.module, operation.call, operation.name, _shape(graph, operation))
        for operation in graph
    }


def _shape(graph: Graph, operation: Operation) -> torch.Size:
    return graph.values[operation.outputs[0]].tensor.shape if operation.outputs else torch.Size()


class Probe(TorchFunctionMode):
    """Measures the operations at the wanted places while the model runs forward, and then backward."""

    def __init__(self, wanted: set[Place]) -> None:
        super().__init__()
        self.wanted = wanted
        self.seen: dict[Place, Seen] = {}
        self.where: list[tuple[str, int]] = [("", 0)]
        self.places = Places()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in DESCENDED:
            with self:
                return descended(func)(*args, **kwargs)
        result = func(*args, **kwargs)
        name = getattr(func, "__name__", "") or str(func)
        if name == "__get__":
            name = func.__self__.__name__
        made = [args[0]] if in_place(name, kwargs) and args and isinstance(args[0], Tensor) else list(tensors(result))
        if made and any(tensor.requires_grad for tensor in (*made, *tensors((args, kwargs)))):
            place = self.places.next(*self.where[-1], name, made[0].shape)
            if place in self.wanted:
                self._measure(place, made, args)
        return result

    def _measure(self, place: Place, made: list[Tensor], args: tuple[Any, ...]) -> None:
        measured = [preactivation(made[0], args)] if place.name in RECURRENT else made
        seen = self.seen[place] = Seen([_square(tensor) for tensor in measured])

        def keep(gradient: Tensor) -> None:
            seen.gradient = (seen.gradient or 0.0) + float(gradient.double().square().sum())

        if made[0].requires_grad:
            made[0].register_hook(keep)


def _square(tensor: Tensor) -> float:
    values = tensor.detach()
    return float(values.double().square().mean()) if values.is_floating_point() and values.numel() else float("nan")


def preactivation(states: Tensor, args: tuple[Any, ...]) -> Tensor:
    """Return what goes into the gates of a recurrent layer (one layer, one direction, batch first).

    Formula: W_ih x_t + b_ih + W_hh h_{t-1} + b_hh.
    """
    with torch.no_grad():
        taken, _, (w_ih, w_hh, *biases) = args[:3]
        before = torch.cat([torch.zeros_like(states[:, :1]), states[:, :-1]], dim=1)
        made: Tensor = taken @ w_ih.T + before @ w_hh.T + sum(biases)
        return made


@contextmanager
def watched(model: nn.Module, wanted: set[Place]) -> Iterator[Probe]:
    """Run what is inside with a probe that knows which module is running."""
    probe = Probe(wanted)
    calls: Counter[str] = Counter()
    handles = []
    for path, module in model.named_modules():

        def enter(module: nn.Module, args: Any, name: str = canonical_name(path)) -> None:
            probe.where.append((name, calls[name]))
            calls[name] += 1

        def leave(module: nn.Module, args: Any, output: Any) -> None:
            probe.where.pop()

        if not isinstance(module, torch.jit.ScriptModule):
            handles += [module.register_forward_pre_hook(enter, prepend=True), module.register_forward_hook(leave)]
    try:
        with probe:
            yield probe
    finally:
        for handle in handles:
            handle.remove()
