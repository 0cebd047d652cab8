"""From the events of memories to the writes of a parameter: copies are looked through, or named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from initwise.provenance._memory import Event, Memory
from initwise.provenance._operations import COPIES
from initwise.provenance._rows import Write

_DEPTH = 8  # how many computations behind a value are followed


class History:
    """Tells the writes of parameters, once it is known which memories are whose.

    Args:
        names: the parameter that a memory belongs to, by the memory's id.
        heirs: the parameters that were copied from one memory that no parameter has, by that memory's id.
    """

    def __init__(self, names: Mapping[int, str], heirs: Mapping[int, Sequence[str]]) -> None:
        self._names = names
        self._heirs = heirs

    def of(self, memory: Memory, begin: int, end: int, itemsize: int) -> list[Write]:
        """Return the writes that reach into bytes `begin` to `end` of a memory."""
        return self._writes(memory, len(memory.events), (begin, end, itemsize), 0)

    def _writes(self, memory: Memory, count: int, span: tuple[int, int, int], depth: int) -> list[Write]:
        found: list[Write] = []
        for event in memory.events[:count]:
            if event.begin < span[1] and event.end > span[0]:
                found += self._one(memory, event, span, depth)
        return found

    def _one(self, memory: Memory, event: Event, span: tuple[int, int, int], depth: int) -> list[Write]:
        write = _write(event, span)
        copies = event.call.operation in COPIES
        if copies and event.source is None:
            return _from_outside(write)
        if (event.named and not copies) or event.source is None or depth == _DEPTH:
            return [write]
        source, count = event.source
        name = self._names.get(id(source))
        behind = self._writes(source, count, (0, source.size, span[2]), depth + 1)
        if copies:
            return self._copied(memory, write, source, name, behind)
        if name is not None and name != self._names.get(id(memory)):
            words = f"{write.arguments}, of {name}" if write.arguments else f"of {name}"
            return [replace(write, arguments=words)]
        if event.born and behind:
            return [replace(write, operation=_chain(behind[-1], write.operation))]
        return [write]

    def _copied(
        self, memory: Memory, write: Write, source: Memory, name: str | None, behind: list[Write]
    ) -> list[Write]:
        if name is not None and name != self._names.get(id(memory)):
            return [replace(write, operation="copied", arguments=f"from {name}")]
        heirs = [each for each in self._heirs.get(id(source), ()) if each != self._names.get(id(memory))]
        if heirs:
            others = f"{heirs[0]} and {len(heirs) - 1} more" if len(heirs) > 1 else heirs[0]
            copied = replace(
                write, operation="copied", arguments=f"from a template, as was {others}", replaces=not behind
            )
            return [*behind, copied]
        if behind:
            return [*behind[:-1], replace(behind[-1], elements=write.elements, replaces=write.replaces)]
        return [write] if source.settled else []


def heirs_of(memories: Mapping[str, Memory]) -> dict[int, list[str]]:
    """Return by the id of each memory that is copied whole the parameters, by name, that were copied from it."""
    found: dict[int, list[str]] = {}
    for name, memory in memories.items():
        copies = [event for event in memory.events if event.source and event.call.operation in COPIES]
        if copies and copies[-1].source is not None:
            found.setdefault(id(copies[-1].source[0]), []).append(name)
    return found


def comes_from(memory: Memory, other: Memory, depth: int = 0) -> bool:
    """Tell whether values of a memory were computed from another."""
    sources = [event.source[0] for event in memory.events if event.source is not None]
    return depth < _DEPTH and any(each is other or comes_from(each, other, depth + 1) for each in sources)


def _write(event: Event, span: tuple[int, int, int]) -> Write:
    begin, end, itemsize = span
    inside = min(event.size, min(event.end, end) - max(event.begin, begin))
    call = event.call
    return Write(
        operation=call.operation,
        arguments=call.arguments,
        function=call.function,
        line=call.line,
        order=event.order,
        elements=inside // itemsize,
        replaces=event.replaces and inside >= end - begin,
        born=event.born,
        values=call.values,
    )


def _from_outside(write: Write) -> list[Write]:
    """Return a copy of what was there before the block; a conversion of that is no write."""
    if write.born and write.operation == "_to_copy":
        return []
    return [replace(write, operation="copied", arguments="from memory of before the block")]


def _chain(first: Write, then: str) -> str:
    """Return a computation as its steps, of which only the first and the last two are told."""
    steps = [*str(first).removesuffix("()").split(" -> "), then]
    return " -> ".join(steps if len(steps) <= 4 else [steps[0], "...", *steps[-2:]])
