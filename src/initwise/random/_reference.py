"""The NumPy backend: slow, and what every other backend has to equal."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from initwise.random._keys import Key
from initwise.random._layout import Layout
from initwise.random._lowering import Lowered
from initwise.random._philox import Words, words_at, words_between
from initwise.random._values import stored_values

CHUNK = 2**16  # elements at a time: the temporaries stay in the cache


def fill_array(memory: NDArray[Any], layout: Layout, lowered: Lowered | None, key: Key) -> None:
    """Write the elements of a layout into flat memory that begins at its first element; no draw: the words."""
    for begin in range(0, layout.numel, CHUNK):
        end = min(begin + CHUNK, layout.numel)
        words, places = _words_and_places(layout, key, begin, end)
        memory[places] = words if lowered is None else stored_values(lowered, words)


def _words_and_places(layout: Layout, key: Key, begin: int, end: int) -> tuple[Words, slice | NDArray[np.intp]]:
    """The words of the elements begin, ..., end - 1 in the layout's order, and where they go."""
    if layout.is_run:
        stride = layout.strides[0]
        words = words_between(key, layout.start + begin, layout.start + end)
        return words, slice(begin * stride, (end - 1) * stride + 1, stride)
    coordinates = np.unravel_index(np.arange(begin, end), layout.sizes)
    places = np.zeros(end - begin, dtype=np.intp)
    indices = np.full(end - begin, layout.start, dtype=np.uint64)
    for axis, step, stride in zip(coordinates, layout.steps, layout.strides, strict=True):
        places += axis * stride
        indices += axis.astype(np.uint64) * np.uint64(step)
    if int(indices[-1]) - int(indices[0]) == end - begin - 1 and _steps_are_consecutive(layout):
        return words_between(key, int(indices[0]), int(indices[-1]) + 1), places
    return words_at(key, indices), places


def _steps_are_consecutive(layout: Layout) -> bool:
    """Whether the layout is one run in the stream, though not in memory."""
    expected = 1
    for size, step in zip(reversed(layout.sizes), reversed(layout.steps), strict=True):
        if step != expected:
            return False
        expected *= size
    return True
