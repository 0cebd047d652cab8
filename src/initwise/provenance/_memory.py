"""What is known about one piece of memory, and who finds it by a tensor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from initwise.provenance._stack import Call, address

_SWEEP = 4096  # memories after which the dead ones are forgotten


@dataclass(slots=True, eq=False)
class Event:
    """One write, of bytes `begin` to `end`.

    Attributes:
        order: its place among all writes of the block.
        call: who wrote.
        named: the call is an initializer's, not torch's operation itself.
        size: how many bytes were written, between the two.
        replaces: what was there before plays no part.
        born: the memory was made with these values; nothing was there before.
        source: the memory that the values were computed from, and how many of its events had happened then.
    """

    order: int
    call: Call
    named: bool
    begin: int
    end: int
    size: int
    replaces: bool
    born: bool = False
    source: tuple[Memory, int] | None = None


@dataclass(slots=True, eq=False)
class Memory:
    """One storage.

    Attributes:
        weak: does not keep the storage alive, only its address from being given away.
        size: in bytes.
        maker: the call that made it, such as torch.empty; None for memory that came from elsewhere.
        settled: all of it is known to have been written.
        poisoned: what of it was not written holds the poison, or a NaN that was computed from it.
        exact: the poison has its own bits: no arithmetic has touched it.
    """

    weak: StorageWeakRef
    size: int
    maker: Call | None = None
    settled: bool = True
    poisoned: bool = False
    exact: bool = True
    events: list[Event] = field(default_factory=list)


class Registry:
    """All memories that were seen, by the address of their storage."""

    def __init__(self) -> None:
        self._known: dict[int, Memory] = {}
        self._limit = _SWEEP

    def find(self, tensor: Tensor) -> Memory | None:
        """Return what is known about a tensor's memory."""
        place = address(tensor)
        return None if place is None else self._known.get(place)

    def add(self, tensor: Tensor, **what: Any) -> Memory | None:
        """Start to know a tensor's memory; None where it has no storage of its own."""
        if address(tensor) is None:
            return None
        storage = tensor.untyped_storage()
        memory = Memory(StorageWeakRef(storage), storage.nbytes(), **what)
        if len(self._known) > self._limit:
            self._known = {place: each for place, each in self._known.items() if not each.weak.expired()}
            self._limit = 2 * len(self._known) + _SWEEP
        self._known[storage._cdata] = memory
        return memory

    def alive(self) -> list[Memory]:
        """Return the memories that still exist."""
        return [memory for memory in self._known.values() if not memory.weak.expired()]


def extent(tensor: Tensor) -> tuple[int, int]:
    """Return the first byte of a tensor in its storage, and the one after its last."""
    if tensor.numel() == 0:
        return 0, 0
    begin = int(tensor.storage_offset()) * tensor.element_size()
    reach = sum(int(stride) * (size - 1) for stride, size in zip(tensor.stride(), tensor.shape, strict=True))
    return begin, begin + (reach + 1) * tensor.element_size()


def covers(tensor: Tensor, memory: Memory) -> bool:
    """Tell whether a tensor reaches every byte of its memory."""
    return tensor.numel() * tensor.element_size() >= memory.size and not _repeats(tensor)


def _repeats(tensor: Tensor) -> bool:
    return any(stride == 0 and size > 1 for stride, size in zip(tensor.stride(), tensor.shape, strict=True))
