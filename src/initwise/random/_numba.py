"""The Numba backend: the NumPy reference's bits, compiled for this processor, on all threads."""

from __future__ import annotations

import ctypes
import functools
import os
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initwise.random import _threads
from initwise.random._keys import Key
from initwise.random._layout import Layout
from initwise.random._lowering import Lowered
from initwise.random._philox import TILE

_INDEX, _POINTER, _WORD, _SINGLE = ctypes.c_int64, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_float

_lock = threading.RLock()

# A fork waits for a compilation in another thread: the child would get its locks, ours and LLVM's, held for ever.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)

Kernel = Callable[..., int]


def kernel(lowered: Lowered | None) -> Kernel | None:
    """The compiled code for a draw (None: for the words themselves); None where Numba cannot be used."""
    with _lock:  # LLVM and Numba's compiler are not made for several threads
        return _loaded("word", "word") if lowered is None else _loaded(lowered.kind, lowered.storage)


def fill_array(
    kernel: Kernel, memory: NDArray[Any], layout: Layout, lowered: Lowered | None, key: Key, *, threads: int
) -> None:
    """Write the elements of a layout into flat memory that begins at its first element; no draw: the words."""
    axes = np.array([*layout.sizes, *layout.steps, *layout.strides], dtype=np.int64)
    rank = len(layout.sizes)
    fixed = (key.k0, key.k1, key.c2, key.c3, *_parameters(lowered))

    def work(begin: int, end: int) -> None:
        scratch, position = np.empty(TILE, memory.dtype), np.empty(rank + 1, np.int64)
        kernel(
            position[rank:].ctypes.data, None, memory.ctypes.data, scratch.ctypes.data,
            layout.start, axes.ctypes.data, position.ctypes.data, rank, begin, end, *fixed,
        )  # fmt: skip

    _threads.in_parallel(work, layout.numel, threads)


def _parameters(lowered: Lowered | None) -> tuple[float | int, ...]:
    """What the kernels want to know; they tell the draws apart by the number of parameters."""
    if lowered is None:
        return ()
    scale_and_shift, bounds = (lowered.scale, lowered.shift), (lowered.low, lowered.high)
    if lowered.kind == "normal":
        return scale_and_shift
    if lowered.kind == "uniform":
        return scale_and_shift + bounds
    return (*scale_and_shift, *bounds, lowered.first, lowered.count - 1, lowered.z_low, lowered.z_high)


@functools.cache
def _loaded(kind: str, storage: str) -> Kernel | None:
    if os.environ.get("INITWISE_NUMBA", "1") == "0":
        return None
    try:
        from initwise.random import _native

        if storage == "float16" and not _native.converts_halves():
            return None
        address = _native.load(kind, storage)
    except (ImportError, OSError):  # missing, or made for another NumPy, or without its libraries
        return None
    except Exception as error:  # noqa: BLE001 - a Numba or LLVM that we do not know must not stop an initialization
        warnings.warn(
            f"random fill: Numba did not compile the {kind} kernel for {storage} ({type(error).__name__}: {error}); "
            "NumPy computes the same values, more slowly",
            stacklevel=2,
        )
        return None
    bound = ctypes.c_double if storage == "float64" else _SINGLE
    parameters = {
        "word": (),
        "normal": (_SINGLE, _SINGLE),
        "uniform": (_SINGLE, _SINGLE, bound, bound),
        "truncated": (_SINGLE, _SINGLE, bound, bound, _WORD, _WORD, _SINGLE, _SINGLE),
    }[kind]
    fixed = (_POINTER, _POINTER, _POINTER, _POINTER, _INDEX, _POINTER, _POINTER, _INDEX, _INDEX, _INDEX)
    return _native.as_function(address, *fixed, _WORD, _WORD, _WORD, _WORD, *parameters)
