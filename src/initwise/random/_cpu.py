"""Fills of arrays in the CPU's memory, by the fastest backend at hand."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from initwise.random import _numba, _reference
from initwise.random._keys import Key
from initwise.random._layout import Layout, cache_blocks
from initwise.random._lowering import Lowered


def fill_array(memory: NDArray[Any], layout: Layout, lowered: Lowered | None, key: Key, *, threads: int = 1) -> None:
    """Write the elements of a layout into flat memory that begins at its first element.

    Args:
        memory: as `ARRAY_DTYPES` holds the storage dtype, or uint32 for the words themselves.
        layout: which elements, and where they go.
        lowered: what to compute; None for the words themselves.
        key: the stream.
        threads: how many to use; any number gives the same bits.
    """
    kernel = _numba.kernel(lowered)
    if kernel is None:
        _reference.fill_array(memory, layout, lowered, key)
        return
    for block, place in cache_blocks(layout):
        _numba.fill_array(kernel, memory[place:], block, lowered, key, threads=threads)
