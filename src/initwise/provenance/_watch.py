"""Watching: every torch operation of the block, and every write of our own, becomes an event of some memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import partial
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from initwise.initializers import Product
from initwise.provenance._memory import Event, Memory, Registry, covers, extent
from initwise.provenance._operations import Operation, operation, tensors
from initwise.provenance._stack import Site, address, forget, locate
from initwise.writing import poison

Words = Callable[[], Mapping[str, Any]]


class Ledger:
    """What has been written so far."""

    def __init__(self, boundary: FrameType | None, *, poison_memory: bool) -> None:
        self.registry = Registry()
        self.order = 0
        self.lost: dict[str, str] = {}  # operations that could not be followed, and why
        self._boundary = boundary
        self._poison = poison_memory
        self._operations: dict[int, Operation] = {}
        self._busy = False  # inside an operation of ours: what our writer does there is part of it
        self._last: tuple[FrameType, Memory, Event] | None = None  # the write of an initializer that may go on

    def run(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Carry out one operation, and write down what it did."""
        known = self._operations.get(id(func)) or self._read(func)
        if known is None or known.view:
            return func(*args, **kwargs)
        if known.ours:
            self._busy = True  # its kernel ends in our own writer
        try:
            result = func(*args, **kwargs)
        finally:
            self._busy = False
        try:
            self._note(known, args, kwargs, result)
        except Exception as error:  # noqa: BLE001 - what is watched goes on, whatever kind of tensor it works on
            self.lost.setdefault(known.name, f"{type(error).__name__}: {error}")
        return result

    def _read(self, func: Any) -> Operation | None:
        """Read an operation once. None: it is one of those of higher order, and its parts will come by themselves."""
        if not isinstance(func, torch._ops.OpOverload):
            return None
        known = self._operations[id(func)] = operation(func)  # torch keeps its overloads
        return known

    def written(self, tensor: Tensor, what: Any) -> None:
        """Write down a write of our own, which torch did not see."""
        if not self._busy:
            site = locate(address(tensor), "write", partial(_law, what), self._boundary)
            self._write(tensor, site, replaces=True, sources=())

    def _note(self, known: Operation, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
        given = [*tensors(args), *(tensors(list(kwargs.values())) if kwargs else ())]
        targets = list(known.written(args, kwargs))
        words = partial(known.words, args, kwargs)
        sources = self._sources(known, given, targets)
        for target in targets:
            place = address(target)
            if place is not None:
                site = locate(place, known.name, words, self._boundary)
                if not site.ours:  # else `written` is told
                    self._write(target, site, replaces=known.replaces, sources=sources)
        if known.name == "resize_":
            self._resized(args[0])
        elif not targets:
            old = {address(each) for each in given} if known.name != "lift_fresh" else set()
            for made in tensors(result):
                if address(made) not in old and self.registry.find(made) is None:
                    self._born(made, known, words, sources)

    def _sources(self, known: Operation, given: Sequence[Tensor], targets: Sequence[Tensor]) -> list[Memory]:
        """Return the memories that the values of a result come from."""
        if known.shape_only or not given:
            return []
        places = [address(target) for target in targets]
        found = [self.registry.find(each) for each in given if address(each) not in places]
        return [memory for memory in found if memory is not None]

    def _born(self, made: Tensor, known: Operation, words: Words, sources: Sequence[Memory]) -> None:
        name = "given values" if known.name == "lift_fresh" else known.name
        site = locate(None, name, dict if known.empty else words, self._boundary)
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
            maker = locate(None, "resize_", dict, self._boundary).call
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
            if event.call.values != site.call.values and not (event.begin <= begin and end <= event.end):
                event.call = replace(event.call, values={"laws": "several"})  # a plan that writes block by block
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
        forget()


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
    if isinstance(what, Product):
        times = what.factors[0] if len(what.factors) == 1 else f"{len(what.factors)} factors"
        return {**_law(what.draw), "times": times}
    kind = type(what).__name__.removesuffix("Draw")
    numbers = {field.name: getattr(what, field.name) for field in fields(what)}
    return numbers if kind == "Fill" else {"law": kind.lower(), **numbers}


_EVAL = torch._C._dynamo.eval_frame
_SKIPS = all(hasattr(_EVAL, name) for name in ("set_code_exec_strategy", "_FrameExecStrategy", "_FrameAction"))


class Watcher(TorchDispatchMode):
    """The mode through which torch shows its operations, in the thread that entered it."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger = ledger

    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return not _SKIPS  # torch's own way to be left alone by its compiler imports it first, which takes seconds

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Hand an operation to the ledger."""
        return self.ledger.run(func, args, kwargs or {})


if _SKIPS:  # a compiled function may run in the block: it, and nothing that watches it, is compiled
    _ACTION = _EVAL._FrameAction.SKIP
    _EVAL.set_code_exec_strategy(Watcher.__torch_dispatch__.__code__, _EVAL._FrameExecStrategy(_ACTION, _ACTION))
