"""Where the elements of a box lie: their row-major indices in the whole, and their places in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

FAR = 16  # elements, about a cache line


class Axis(NamedTuple):
    """An axis: its size, and the steps from element to element in the whole and in memory."""

    size: int
    step: int
    stride: int


class Layout(NamedTuple):
    """Axes by falling step, merged where they continue each other.

    The element (i0, i1, ...) has the index start + sum(i * step) in the whole, and lies sum(i * stride)
    elements after the first one of the memory.
    """

    start: int
    axes: tuple[Axis, ...]

    @property
    def numel(self) -> int:
        """The number of elements."""
        return math.prod(axis.size for axis in self.axes)


class Transposed(NamedTuple):
    """A box whose last axis lies apart in memory: `near` is the axis whose elements lie closest to each other there."""

    start: int
    outer: tuple[Axis, ...]
    near: Axis
    inner: Axis

    def strips(self, deep: int) -> int:
        """The number of parts that hold all of the last axis, and at most so many elements of the near one."""
        return math.prod(axis.size for axis in self.outer) * -(-self.near.size // deep)

    def elements(self, begin: int, end: int, deep: int) -> int:
        """The number of elements in the strips [begin, end)."""
        of_one = -(-self.near.size // deep)
        missing = of_one * deep - self.near.size  # in the last strip of each
        return ((end - begin) * deep - (end // of_one - begin // of_one) * missing) * self.inner.size


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
    return Layout(start, tuple(merged) or (Axis(1, 1, 1),))


def transposed(whole: Layout) -> Transposed | None:
    """Return the layout as a transposed one, where its elements are best put into order before they are summed."""
    *outer, inner = whole.axes
    if not outer or inner.step != 1 or inner.stride < FAR:
        return None
    near = min(outer, key=lambda axis: axis.stride)
    if not 0 < near.stride < inner.stride:
        return None
    return Transposed(whole.start, tuple(axis for axis in outer if axis is not near), near, inner)


def row_major(shape: Sequence[int]) -> list[int]:
    """Return the steps from element to element along each axis of a whole."""
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
