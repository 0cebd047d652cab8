"""Where the elements of a box lie: their row-major indices in the whole, and their places in memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

CACHED = 128  # columns of a transposed matrix at a time: their cache lines stay until the next rows need them
FAR = 16  # elements, about a cache line


class Axis(NamedTuple):
    """An axis: its size, and the steps from element to element in the whole and in memory."""

    size: int
    step: int
    stride: int


class Layout(NamedTuple):
    """Axes by falling step, merged where they continue each other.

    The element (i0, i1, ...) has the index start + sum(i * step) in the whole, and lies offset + sum(i * stride)
    elements after the first one of the memory.
    """

    start: int
    offset: int
    axes: tuple[Axis, ...]

    @property
    def numel(self) -> int:
        """The number of elements."""
        return math.prod(axis.size for axis in self.axes)


def layout(sizes: Sequence[int], steps: Sequence[int], strides: Sequence[int], start: int) -> Layout:
    """Return the merged layout of a box with at least one element."""
    axes = sorted(map(Axis, sizes, steps, strides), key=lambda axis: -axis.step)
    merged: list[Axis] = []
    for axis in axes:
        if axis.size == 1:
            continue
        outer = merged[-1] if merged else None
        if outer and outer.step == axis.step * axis.size and outer.stride == axis.stride * axis.size:
            merged[-1] = Axis(outer.size * axis.size, axis.step, axis.stride)
        else:
            merged.append(axis)
    return Layout(start, 0, tuple(merged) or (Axis(1, 1, 1),))


def cached(whole: Layout) -> Iterator[Layout]:
    """Yield parts of a layout: blocks of columns of a transposed matrix, else the whole."""
    size, step, stride = whole.axes[-1]
    if len(whole.axes) == 1 or abs(stride) < FAR or size <= CACHED:
        yield whole
        return
    for begin in range(0, size, CACHED):
        inner = Axis(min(CACHED, size - begin), step, stride)
        yield Layout(whole.start + begin * step, whole.offset + begin * stride, (*whole.axes[:-1], inner))


def row_major(shape: Sequence[int]) -> list[int]:
    """Return the steps from element to element along each axis of a whole."""
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
