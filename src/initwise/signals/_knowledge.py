"""What is known of the tensors of a pass: which event made them, and which parameters they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor

from initwise.model.graph._calls import storage_of
from initwise.model.graph._structures import tensors
from initwise.signals._call import Call
from initwise.signals._places import Places


class Known(NamedTuple):
    """What is known of a tensor: the event that made it (-1: an input of the model), what parameters it is made of."""

    event: int = -1
    signal: bool = False
    parameters: tuple[str, ...] = ()
    whole: bool = False  # it is the event's output itself, not a view or a part of it


_CONSTANT = Known()


class Knowledge:
    """What is known of each tensor, by identity and by memory."""

    def __init__(self, names: Mapping[int, str], canonical: Mapping[str | None, str], places: Places) -> None:
        self.touched: set[str] = set()  # the parameters that any operation took
        self._places = places
        self._names = names  # of parameters, by their identity
        self._canonical = canonical  # name of parameters, by any name that they have
        self._known: dict[int, Known] = {}
        self._written: dict[int, Known] = {}  # memory that a signal was written into -> what it holds since
        self._keep: list[Any] = []

    def input(self, structure: Any) -> None:
        """Note what the model is called with."""
        for tensor in tensors(structure):
            self.note(tensor, Known(signal=True))

    def release(self) -> None:
        """Let go of all tensors."""
        self._known.clear()
        self._written.clear()
        self._keep.clear()

    def settle(self, call: Call, made: list[Tensor], known: Known) -> None:
        """Note what a call made, and that its memory holds it since if it was written in place."""
        for tensor in made:
            self.note(tensor, known)
            if call.in_place and known.signal:
                self._written[storage_of(tensor)] = known

    def note(self, tensor: Tensor, known: Known) -> None:
        """Note what a tensor is; parameters stay parameters."""
        if id(tensor) in self._names:
            return
        self._known[id(tensor)] = known
        self._keep.append(tensor)

    def look(self, tensor: Tensor) -> Known:
        """Return what is known of a tensor."""
        name = self._names.get(id(tensor))
        if name is not None:
            return self._parameter(name)
        found = self._known.get(id(tensor))
        latest = self._written.get(storage_of(tensor)) if self._written else None
        if latest is not None and (found is None or latest.event > found.event):
            return latest
        if found is not None and (found.signal or found.parameters or not tensor.requires_grad):
            return found
        name = self._places.parameter(tensor) if tensor.requires_grad else None
        if name in self._canonical:
            return self._parameter(self._canonical[name])
        if tensor.grad_fn is not None:
            return Known(signal=True)  # made where no mode looks: by a scripted module
        return _CONSTANT

    def _parameter(self, name: str) -> Known:
        self.touched.add(name)
        return Known(parameters=(name,))
