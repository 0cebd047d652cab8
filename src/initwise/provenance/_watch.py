"""Watching: every torch operation of the block, and every write of our own, becomes an event of some memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from initwise.provenance._memory import Event, Memory, Registry, covers, extent
from initwise.provenance._operations import Operation, operation, tensors
from initwise.provenance._stack import Site, address, locate
from initwise.writing import poison


class Ledger:
    """What has been written so far."""

    def __init__(self, boundary: FrameType | None, *, poison_memory: bool) -> None:
        self.registry = Registry()
        self.order = 0
        self._boundary = boundary
        self._poison = poison_memory
        self._operations: dict[Any, Operation] = {}
        self._busy = False  # inside an operation: what happens there is part of it
        self._last: tuple[FrameType, Memory, Event] | None = None  # the write of an initializer that may go on

    def run(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Carry out one operation, and write down what it did."""
        if not isinstance(func, torch._ops.OpOverload):
            return func(*args, **kwargs)
        known = self._operations.get(func)
        if known is None:
            known = self._operations[func] = operation(func)
        before, self._busy = self._busy, True
        try:
            result = func(*args, **kwargs)
        finally:
            self._busy = before
        self._note(known, args, kwargs, result)
        return result

    def written(self, tensor: Tensor, what: Any) -> None:
        """Write down a write of our own, which torch did not see."""
        if not self._busy:
            site = locate(address(tensor), "write", _law(what), self._boundary)
            self._write(tensor, site, replaces=True, sources=())

    def _note(self, known: Operation, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
        given = [*tensors(args), *tensors(tuple(kwargs.values()))]
        targets = list(known.written(args, kwargs))
        sources = self._sources(known, given, targets)
        for target in targets:
            place = address(target)
            if place is not None:
                site = locate(place, known.name, known.words(args, kwargs), self._boundary)
                if not site.ours:  # else `written` is told
                    self._write(target, site, replaces=known.replaces, sources=sources)
        if known.name == "resize_":
            self._resized(args[0])
        elif not targets:
            old = {address(each) for each in given} if known.name != "lift_fresh" else set()
            for made in tensors(result):
                if address(made) not in old and self.registry.find(made) is None:
                    self._born(made, known, known.words(args, kwargs), sources)

    def _sources(self, known: Operation, given: Sequence[Tensor], targets: Sequence[Tensor]) -> list[Memory]:
        """Return the memories that the values of a result come from."""
        if known.shape_only:
            return []
        places = {address(target) for target in targets}
        found = (self.registry.find(each) for each in given if address(each) not in places)
        return [memory for memory in found if memory is not None]

    def _born(self, made: Tensor, known: Operation, values: Mapping[str, Any], sources: Sequence[Memory]) -> None:
        if known.name == "lift_fresh":
            site = locate(None, "given values", dict(zip(["value"], values.values(), strict=False)), self._boundary)
        else:
            site = locate(None, known.name, values, self._boundary)
        if known.empty:
            self.registry.add(made, maker=site.call, settled=False, poisoned=self._poison and poison(made))
            return
        unwritten = (each.maker for each in sources if not each.settled)
        memory = self.registry.add(made, maker=next(unwritten, None) or site.call)
        if memory is not None:
            _taint(memory, sources)
            self._append(memory, made, site, replaces=True, born=True, sources=sources)

    def _resized(self, tensor: Tensor) -> None:
        """Treat the growth of what was empty as new memory."""
        memory = self.registry.find(tensor)
        if memory is not None and memory.size == 0:
            maker = locate(None, "resize_", {}, self._boundary).call
            self.registry.add(tensor, maker=maker, settled=False, poisoned=self._poison and poison(tensor))

    def _write(self, tensor: Tensor, site: Site, *, replaces: bool, sources: Sequence[Memory]) -> None:
        memory = self.registry.find(tensor) or self.registry.add(tensor)
        if memory is None or tensor.numel() == 0:
            return
        if replaces and covers(tensor, memory):
            memory.settled, memory.exact, memory.poisoned = True, True, False
        elif not replaces:
            memory.exact = False
        _taint(memory, sources)
        self._append(memory, tensor, site, replaces=replaces, born=False, sources=sources)

    def _append(
        self, memory: Memory, tensor: Tensor, site: Site, *, replaces: bool, born: bool, sources: Sequence[Memory]
    ) -> None:
        begin, end = extent(tensor)
        size = tensor.numel() * tensor.element_size()
        if site.frame is not None and self._last is not None and self._last[:2] == (site.frame, memory):
            event = self._last[2]
            event.begin, event.end = min(begin, event.begin), max(end, event.end)
            event.size = min(event.size + size, event.end - event.begin)
            return
        self.order += 1
        source = (sources[0], len(sources[0].events)) if sources else None
        event = Event(self.order, site.call, site.frame is not None, begin, end, size, replaces, born, source)
        memory.events.append(event)
        if site.frame is not None:
            self._last = (site.frame, memory, event)

    def close(self) -> None:
        """Let go of what only the recording needs."""
        self._last = None


def _taint(memory: Memory, sources: Sequence[Memory]) -> None:
    """Carry over that values come from memory that nobody wrote."""
    unsettled = [each for each in sources if not each.settled]
    if unsettled:
        memory.settled, memory.exact = False, False
        memory.poisoned |= any(each.poisoned for each in unsettled)


def _law(what: Any) -> dict[str, Any]:
    """Return a draw as arguments: its law and its numbers; nothing for values that were computed."""
    if not is_dataclass(what):
        return {}
    kind = type(what).__name__.removesuffix("Draw")
    numbers = {field.name: getattr(what, field.name) for field in fields(what)}
    return numbers if kind == "Fill" else {"law": kind.lower(), **numbers}


class Watcher(TorchDispatchMode):
    """The mode through which torch shows its operations, in the thread that entered it."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger = ledger

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Hand an operation to the ledger."""
        return self.ledger.run(func, args, kwargs or {})
