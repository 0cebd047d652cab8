"""Which boxes of which tensors each rank writes into a checkpoint: its shards, or an even share of plain tensors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from initwise.initializers import Keep, MeanOfRows
from initwise.shards import held, is_sharded
from initwise.writing.files._entries import Contents, Entry
from initwise.writing.files._runs import box

CHUNK = 2**25  # bytes of a box that is drawn at once, at most: what a rank has in memory
SMALL = 2**20  # bytes of a tensor that is not divided among ranks

Corner = tuple[int, ...]


class Box(NamedTuple):
    """A box of a stored tensor: the index of its first element along each axis, and its sizes."""

    entry: Entry
    start: Corner
    sizes: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """How many bytes it has."""
        return math.prod(self.sizes) * self.entry.dtype.itemsize

    def values(self, memory: bytearray | None = None) -> Tensor:
        """Draw it, or copy what is known, into `memory`, which is large enough, or into memory of its own."""
        made = None if memory is None or not self.nbytes else self._in(memory)
        if made is not None and self.entry.by_elements:
            return box(self.entry, self.start, self.sizes, made)
        known = self.entry.values
        if known is not None and is_sharded(known):
            found = _local(known, self.start, self.sizes)
        else:
            found = box(self.entry, self.start, self.sizes)
        return found if made is None else made.copy_(found)

    def _in(self, memory: bytearray) -> Tensor:
        """Return a tensor of its sizes, whose storage is no larger than it is: that is what `torch.save` saves."""
        count = math.prod(self.sizes)
        return torch.frombuffer(memory, dtype=self.entry.dtype, count=count).view(self.sizes)


def boxes_of(contents: Contents, rank: int, ranks: int, most: int = CHUNK) -> list[Box]:
    """Return what one rank writes, in boxes of at most `most` bytes where a law is drawn element by element.

    Those of all ranks together are every tensor, what replicas hold several times.

    - Of a DTensor a rank has what its placements leave it.
    - Of a plain tensor that is drawn element by element it has an even share of the first axis; where that axis is
      too short, or the tensor small, the ranks take turns.
    - Laws that are drawn at once are drawn block by block, each by one rank.
    - Values that no plan decides are those of the first rank.
    """
    mine: list[Box] = []
    turns = _Turns(ranks)
    for entry in contents.entries:
        if is_sharded(entry.tensor) and (entry.values is None or is_sharded(entry.values)):
            mine += _sharded(entry, most)
            continue
        mine += [each for owner, each in _divided(entry, ranks, turns, most) if owner == rank]
    return mine


class _Turns:
    """Whose turn it is: that of the rank which has the fewest bytes of a kind so far."""

    def __init__(self, ranks: int) -> None:
        self._drawn, self._solved = [0] * ranks, [0] * ranks

    def next(self, each: Box) -> int:
        given = self._drawn if each.entry.by_elements else self._solved
        rank = given.index(min(given))
        given[rank] += each.nbytes
        return rank


def _sharded(entry: Entry, most: int) -> Iterator[Box]:
    tensor = entry.tensor if entry.values is None else entry.values
    whole = entry.row is not None and not entry.by_elements  # cut further, its block would be drawn for each cut
    for piece in held(tensor).pieces:
        mine = Box(entry, piece.start, tuple(piece.view.shape))
        yield from [mine] if whole else _cut(mine, most)


def _divided(entry: Entry, ranks: int, turns: _Turns, most: int) -> Iterator[tuple[int, Box]]:
    """Yield the boxes of a plain tensor, each with the rank that writes it."""
    whole = Box(entry, (0,) * len(entry.shape), entry.shape)
    if entry.row is None:
        yield from ((0, each) for each in _cut(whole, most))
    elif not entry.by_elements:
        yield from ((turns.next(each), each) for each in _blocks(whole))
    elif whole.nbytes < SMALL * ranks or entry.shape[0] < ranks:
        yield from ((turns.next(each), each) for each in _cut(whole, most))
    else:
        step = -(-entry.shape[0] // ranks)  # as `torch.chunk` and `Shard(0)` divide
        for rank, first in enumerate(range(0, entry.shape[0], step)):
            share = Box(entry, (first, *whole.start[1:]), (min(step, entry.shape[0] - first), *entry.shape[1:]))
            yield from ((rank, each) for each in _cut(share, most))


def _blocks(whole: Box) -> Iterator[Box]:
    """Yield the blocks of a packed or stacked weight, each of which has a law of its own."""
    entry = whole.entry
    parts = [] if entry.row is None else entry.row.parts
    if len(parts) < 2 or any(isinstance(part.initializer, (Keep, MeanOfRows)) for part in parts):
        yield whole
        return
    for part in parts:
        start, sizes = list(whole.start), list(whole.sizes)
        start[part.axis], sizes[part.axis] = part.start, part.stop - part.start
        yield Box(entry, tuple(start), tuple(sizes))


def _cut(whole: Box, most: int) -> Iterator[Box]:
    """Cut a box into boxes of at most so many bytes, along its first axes."""
    axis = next((axis for axis, size in enumerate(whole.sizes) if size > 1), None)
    if whole.nbytes <= most or axis is None:
        yield whole
        return
    step = max(1, most * whole.sizes[axis] // whole.nbytes)
    for first in range(0, whole.sizes[axis], step):
        start, sizes = list(whole.start), list(whole.sizes)
        start[axis] += first
        sizes[axis] = min(step, whole.sizes[axis] - first)
        yield from _cut(Box(whole.entry, tuple(start), tuple(sizes)), most)


def _local(values: Tensor, start: Sequence[int], sizes: Sequence[int]) -> Tensor:
    """Return a box of what a DTensor holds here."""
    for piece in held(values).pieces:
        view: Tensor | None = piece.view
        for axis, (first, size) in enumerate(zip(start, sizes, strict=True)):
            begin = first - piece.start[axis]
            if view is None or not 0 <= begin <= begin + size <= piece.view.shape[axis]:
                view = None
                break
            view = view.narrow(axis, begin, size)
        if view is not None:
            return torch.clone(view.cpu(), memory_format=torch.contiguous_format)
    raise AssertionError(f"{tuple(start)} + {tuple(sizes)} is not held here")
