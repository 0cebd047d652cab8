"""Where the elements of a tensor lie in the stream and in memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from initwise.errors import ArgumentError
from initwise.random._keys import integer
from initwise.random._philox import LAST_INDEX

OPERATION = "random fill"

_BLOCK = 128  # columns of a transposed matrix at a time
_FAR = 16  # elements, about a cache line


@dataclass(frozen=True, slots=True)
class Layout:
    """Axes of a tensor, by falling step in the stream, merged where they continue each other.

    The element (i0, i1, ...) has the stream's index start + sum(i * step) and lies sum(i * stride) elements after the
    tensor's first one.
    """

    start: int
    sizes: tuple[int, ...]
    steps: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def numel(self) -> int:
        """The number of elements."""
        return math.prod(self.sizes)

    @property
    def extent(self) -> int:
        """The number of memory elements from the first to the last one."""
        return 1 + _reach(self.sizes, self.strides)

    @property
    def is_run(self) -> bool:
        """Consecutive in the stream."""
        return len(self.sizes) == 1 and self.steps[0] == 1


def layout(
    shape: Sequence[int], memory_strides: Sequence[int], start: int = 0, strides: Sequence[int] | None = None
) -> Layout:
    """The merged layout of a tensor; `strides` are the steps in the stream, row-major by default.

    Raises:
        ArgumentError: the indices leave [0, 2**62), the strides do not fit the shape, or elements share memory.
    """
    start = integer(OPERATION, "start", start)
    steps = row_major(shape) if strides is None else [integer(OPERATION, "a stride", step) for step in strides]
    if len(steps) != len(shape):
        raise ArgumentError(
            f"{OPERATION}: strides has {len(steps)} entries, the tensor has {len(shape)} axes; pass one stride an axis"
        )
    last = start + _reach(shape, steps)
    if start < 0 or any(step < 0 for step in steps) or last >= LAST_INDEX:
        raise ArgumentError(
            f"{OPERATION}: the indices run from {start} with strides {tuple(steps)} to {last}, "
            f"allowed is 0 <= index < 2**62 and no negative stride; check start and strides"
        )
    axes = sorted(zip(steps, shape, memory_strides, strict=True), key=lambda axis: axis[0], reverse=True)
    axes = _merged([axis for axis in axes if axis[1] != 1])
    if any(stride == 0 for _, size, stride in axes if size > 1):
        raise ArgumentError(
            f"{OPERATION}: elements share memory (shape {tuple(shape)}, memory strides {tuple(memory_strides)}), "
            "allowed is memory of its own for each element; call .contiguous() first"
        )
    axes = axes or [(1, 1, 1)]
    return Layout(start, *(tuple(axis[part] for axis in axes) for part in (1, 0, 2)))


def cache_blocks(layout: Layout) -> Iterator[tuple[Layout, int]]:
    """Parts of a layout and where each begins in memory: for a transposed matrix blocks of columns, else the whole.

    A row's neighbours in the stream lie far apart there; block by block, their cache lines stay until the next rows
    need them.
    """
    size, step, stride = layout.sizes[-1], layout.steps[-1], layout.strides[-1]
    if len(layout.sizes) == 1 or stride < _FAR or size <= _BLOCK:
        yield layout, 0
        return
    for begin in range(0, size, _BLOCK):
        sizes = (*layout.sizes[:-1], min(_BLOCK, size - begin))
        yield replace(layout, start=layout.start + begin * step, sizes=sizes), begin * stride


def row_major(shape: Sequence[int]) -> list[int]:
    """The strides of a contiguous tensor."""
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def _merged(axes: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Join neighbouring (step, size, stride) where the outer axis continues the inner one in both spaces."""
    merged: list[tuple[int, int, int]] = []
    for step, size, stride in axes:
        if merged:
            outer_step, outer_size, outer_stride = merged[-1]
            if outer_step == step * size and outer_stride == stride * size:
                merged[-1] = (step, outer_size * size, stride)
                continue
        merged.append((step, size, stride))
    return merged


def _reach(sizes: Sequence[int], steps: Sequence[int]) -> int:
    return sum((size - 1) * step for size, step in zip(sizes, steps, strict=True))
