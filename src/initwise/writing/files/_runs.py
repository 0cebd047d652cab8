"""The values of a stored tensor: run by run into memory that is used again, or a box of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from initwise.shards import FlatRange, Held, Slice, held
from initwise.writing._apart import drawn
from initwise.writing._parts import write_parts, write_zero_padding
from initwise.writing._prepare import prepare_rows
from initwise.writing.files._entries import Entry
from initwise.writing.files._safetensors import as_bytes

_PIECE = 2**26  # bytes of what is in memory already that are handed on at a time


def runs(entry: Entry, memory: Callable[[], Tensor]) -> Iterator[Tensor]:
    """Yield the bytes of a tensor in row-major order, run by run.

    Each run of an element-wise law is drawn into what `memory` returns (bytes, whose length bounds the run), which is
    asked once a run. A law that is drawn at once has its whole parameter in memory meanwhile.
    """
    if not entry.by_elements:
        yield from (run for run in as_bytes(_whole(entry).reshape(-1)).split(_PIECE) if run.numel())
        return
    numel = math.prod(entry.shape)
    start = 0
    while start < numel:
        buffer = memory()
        count = min(_whole_rows(entry, buffer.numel() // entry.dtype.itemsize), numel - start)
        flat = buffer[: count * entry.dtype.itemsize].view(entry.dtype)
        _draw(entry, held(flat, FlatRange(entry.shape, start)))
        yield as_bytes(flat)
        start += count


def run_of(entry: Entry, start: int, length: int) -> Tensor:
    """Return the bytes of so many elements, from one on in row-major order."""
    if not entry.by_elements:
        return as_bytes(_whole(entry).reshape(-1)[start : start + length])
    flat = torch.empty(length, dtype=entry.dtype)
    _draw(entry, held(flat, FlatRange(entry.shape, start)))
    return as_bytes(flat)


def box(entry: Entry, start: Sequence[int], sizes: Sequence[int], made: Tensor | None = None) -> Tensor:
    """Return a box of a tensor, and never more of it in memory than its law needs.

    Of a law that is drawn at once the blocks are computed of which the box holds something; any other is drawn into
    `made`, if that is given.
    """
    if entry.row is None:
        assert entry.values is not None  # noqa: S101 - an entry has a row or values
        values = entry.values.detach().cpu()
        for axis, (first, size) in enumerate(zip(start, sizes, strict=True)):
            values = values.narrow(axis, first, size)
        return values.contiguous().clone()
    if entry.parameter is not None and not entry.by_elements and tuple(sizes) == entry.shape:
        return _whole(entry).contiguous()
    made = torch.empty(tuple(sizes), dtype=entry.dtype) if made is None else made
    _draw(entry, held(made, Slice(entry.shape, start)))
    return made


def _draw(entry: Entry, where: Held) -> None:
    assert entry.row is not None  # noqa: S101 - for the type checker
    assert entry.parameter is not None  # noqa: S101 - for the type checker
    row = entry.row
    known = None if entry.by_elements else prepare_rows([row], {row.name: entry.parameter}, entry.seed).get(row.name)
    write_parts(where, row.parts, seed=entry.seed, name=row.canonical, values=known)
    if row.padding is not None and row.is_written(row.padding):
        write_zero_padding(where, row.padding)


def _whole(entry: Entry) -> Tensor:
    if entry.row is not None and entry.parameter is not None:
        return drawn(entry.parameter, entry.row, entry.seed).detach().cpu()
    assert entry.values is not None  # noqa: S101 - an entry has a row or values
    return entry.values.detach().cpu()


def _whole_rows(entry: Entry, most: int) -> int:
    """Return how many elements a run has: whole steps along the first axis, where one fits."""
    step = math.prod(entry.shape[1:])
    return most // step * step if 0 < step <= most else most
