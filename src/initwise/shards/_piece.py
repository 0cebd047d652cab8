"""`Piece`: a box of a whole tensor, and the memory that holds it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from torch import Tensor


class Piece(NamedTuple):
    """A box of a whole tensor: the view that holds it, and the index of its first element along each axis."""

    view: Tensor
    start: tuple[int, ...]

    def between(self, axis: int, low: int, high: int) -> Piece | None:
        """Return what lies in [low, high) of the whole along one axis, or None where nothing does."""
        if not self.start:
            return self
        begin = max(low, self.start[axis])
        end = min(high, self.start[axis] + self.view.shape[axis])
        if begin >= end:
            return None
        if end - begin == self.view.shape[axis]:
            return self
        view = self.view.narrow(axis, begin - self.start[axis], end - begin)
        return Piece(view, (*self.start[:axis], begin, *self.start[axis + 1 :]))

    def of(self, values: Tensor, axis: int = 0, first: int = 0) -> Tensor:
        """Return the same box of `values`, which are the whole, or all of it from the index `first` of one axis on."""
        for at, (start, size) in enumerate(zip(self.start, self.view.shape, strict=True)):
            values = values.narrow(at, start - (first if at == axis else 0), size)
        return values

    def offset(self, steps: Sequence[int]) -> int:
        """Return the index of its first element, where the whole has these steps from element to element."""
        return sum(start * step for start, step in zip(self.start, steps, strict=True))


Runs = tuple[tuple[int, int], ...]  # (first index, length) of what is held along an axis, in the order of memory


def boxes(local: Tensor, axes: Sequence[Runs]) -> Iterator[Piece]:
    """Yield the boxes of a tensor that holds, along each axis, these runs of the whole; none of nothing."""
    if not local.numel():
        return
    if all(len(runs) == 1 for runs in axes):  # the usual case, without a view of a view for each axis
        yield Piece(local, tuple(runs[0][0] for runs in axes))
    else:
        yield from _boxes(local, axes, ())


def _boxes(view: Tensor, axes: Sequence[Runs], start: tuple[int, ...]) -> Iterator[Piece]:
    if len(start) == len(axes):
        yield Piece(view, start)
        return
    done = 0
    for first, length in axes[len(start)]:
        yield from _boxes(view.narrow(len(start), done, length), axes, (*start, first))
        done += length


def flat_boxes(flat: Tensor, shape: Sequence[int], start: int) -> Iterator[Piece]:
    """Yield the boxes of a flat tensor that holds, in row-major order, the elements of a whole from `start` on.

    They are at most two for each axis: the rest of a row, whole rows, and the beginning of one, axis within axis.
    """
    yield from _flat_boxes(flat, tuple(shape), start, ())


def _flat_boxes(flat: Tensor, shape: tuple[int, ...], start: int, outer: tuple[int, ...]) -> Iterator[Piece]:
    if flat.numel() == 0:
        return
    if not shape:
        yield Piece(flat.view((1,) * len(outer)) if outer else flat.view(()), outer)
        return
    row = math.prod(shape[1:])
    at, stop = start, start + flat.numel()
    while at < stop:
        index, within = divmod(at, row)
        if within == 0 and stop - at >= row:
            count = (stop - at) // row
            view = flat[at - start : at - start + count * row]
            yield Piece(view.view((1,) * len(outer) + (count, *shape[1:])), (*outer, index, *(0 for _ in shape[1:])))
            at += count * row
        else:
            end = min(stop, (index + 1) * row)
            yield from _flat_boxes(flat[at - start : end - start], shape[1:], within, (*outer, index))
            at = end
