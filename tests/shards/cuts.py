"""Cuts of a whole tensor into slices and flat ranges, for properties over any cut."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from initwise.shards import FlatRange, Shard, Slice

Cut = tuple[Shard, tuple[int, ...]]  # a shard, and the shape of the tensor that holds it


@st.composite
def cuts(draw: Any, shape: tuple[int, ...]) -> list[Cut]:
    """A whole of this shape, cut into boxes, into interleaved runs, or into flat ranges; some of them may be empty."""
    kind = draw(st.sampled_from(["boxes", "runs", "flat"] if shape else ["flat"]))
    if kind == "flat":
        return list(_flat(shape, draw(_marks(math.prod(shape)))))
    if kind == "boxes":
        return list(_boxes(shape, [draw(_marks(size)) for size in shape]))
    axis = draw(st.integers(0, len(shape) - 1))
    return list(_runs(shape, axis, draw(_marks(shape[axis]))))


def _marks(size: int) -> st.SearchStrategy[list[int]]:
    inner = st.lists(st.integers(0, size), max_size=3)
    return inner.map(lambda found: [0, *sorted(found), size])


def _flat(shape: tuple[int, ...], marks: Sequence[int]) -> Iterator[Cut]:
    for begin, end in itertools.pairwise(marks):
        yield FlatRange(shape, begin), (end - begin,)


def _boxes(shape: tuple[int, ...], marks: Sequence[Sequence[int]]) -> Iterator[Cut]:
    for box in itertools.product(*(itertools.pairwise(each) for each in marks)):
        yield Slice(shape, [begin for begin, _ in box]), tuple(end - begin for begin, end in box)


def _runs(shape: tuple[int, ...], axis: int, marks: Sequence[int]) -> Iterator[Cut]:
    """Every second run belongs to one rank, the last of them first in its memory."""
    pairs = [(begin, end) for begin, end in itertools.pairwise(marks) if begin < end]
    for mine in (pairs[::2][::-1], pairs[1::2]):
        if mine:
            size = sum(end - begin for begin, end in mine)
            local = tuple(size if at == axis else whole for at, whole in enumerate(shape))
            yield Slice(shape, runs={axis: mine}), local


def together(whole: Tensor, parts: Sequence[tuple[Shard, Tensor]]) -> Tensor:
    """Put parts into a whole again, by an arithmetic of its own, and count what is there twice or never."""
    found, times = torch.zeros_like(whole), torch.zeros(whole.shape, dtype=torch.long)
    for shard, local in parts:
        if isinstance(shard, FlatRange):
            found.view(-1)[shard.start : shard.start + local.numel()] = local
            times.view(-1)[shard.start : shard.start + local.numel()] += 1
            continue
        runs = dict(shard.runs)
        index = [
            torch.tensor(
                [at for begin, end in runs.get(axis, ((start, start + size),)) for at in range(begin, end)],
                dtype=torch.long,
            )
            for axis, (start, size) in enumerate(zip(shard.start, local.shape, strict=True))
        ]
        found[torch.meshgrid(*index, indexing="ij")] = local
        times[torch.meshgrid(*index, indexing="ij")] += 1
    assert bool((times == 1).all())
    return found
