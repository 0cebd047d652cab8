"""The Numba backend: the NumPy reference's bits, compiled for this processor, on all threads."""

from __future__ import annotations

import functools
import os
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initwise.random import _threads
from initwise.random._keys import Key
from initwise.random._layout import Layout
from initwise.random._lowering import Lowered


@functools.cache
def load_kernels() -> ModuleType | None:
    """The compiled kernels, or None where Numba is missing or INITWISE_NUMBA=0."""
    if os.environ.get("INITWISE_NUMBA", "1") == "0":
        return None
    try:
        from initwise.random import _kernels
    except (ImportError, OSError):
        return None
    return _kernels


def fill_array(
    kernels: ModuleType, memory: NDArray[Any], layout: Layout, lowered: Lowered | None, key: Key, *, threads: int
) -> None:
    """Write the elements of a layout into flat memory that begins at its first element; no draw: the words."""
    words = tuple(np.uint32(word) for word in (key.k0, key.k1, key.c2, key.c3))
    parameters = () if lowered is None else _parameters(lowered)
    axes = np.array([layout.sizes, layout.steps, layout.strides], dtype=np.int64)

    def work(begin: int, end: int) -> None:
        kernels.fill_range(memory, layout.start, axes, begin, end, words, parameters)

    _threads.in_parallel(work, layout.numel, threads)


def _parameters(lowered: Lowered) -> tuple[np.generic, ...]:
    """What the kernels want to know; they tell the draws apart by the number of parameters."""
    scale_and_shift = np.float32(lowered.scale), np.float32(lowered.shift)
    if lowered.kind == "normal":
        return scale_and_shift
    bound = np.float64 if lowered.storage == "float64" else np.float32
    bounds = bound(lowered.low), bound(lowered.high)
    if lowered.kind == "uniform":
        return (*scale_and_shift, *bounds)
    words = np.uint32(lowered.first), np.uint32(lowered.count - 1)
    return (*scale_and_shift, *bounds, *words, np.float32(lowered.z_low), np.float32(lowered.z_high))
