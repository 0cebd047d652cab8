"""The arithmetic of a digest: each element's bits and index are mixed to two 64-bit numbers, and those are summed.

A sum modulo 2**64 does not depend on order or grouping, so that threads, chunks and shards can each sum their own part.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

INDEX = np.uint64(0x9E3779B97F4A7C15)
BITS = np.uint64(0xD6E8FEB86659FD93)
FIRST = np.uint64(0xFF51AFD7ED558CCD)
SECOND = np.uint64(0xC4CEB9FE1A85EC53)
THIRD = np.uint64(0xA0761D6478BD642F)
HALF, LESS = np.uint64(32), np.uint64(29)
MODULUS = 2**64
SMALL = 2**16  # fewer elements are not worth loading compiled code
CHUNK = 2**15  # elements that NumPy mixes at a time, so that its temporaries stay in the cache


class Lanes(NamedTuple):
    """Two sums modulo 2**64."""

    first: int
    second: int

    def __add__(self, other: object) -> Lanes:
        if not isinstance(other, Lanes):
            return NotImplemented
        return Lanes((self.first + other.first) % MODULUS, (self.second + other.second) % MODULUS)


def keys(header: str) -> tuple[np.uint64, np.uint64]:
    """Return the two numbers that tell the elements of one tensor from those of others."""
    found = hashlib.blake2b(header.encode(), digest_size=16, person=b"initwise/digest").digest()
    return np.uint64(int.from_bytes(found[:8], "little")), np.uint64(int.from_bytes(found[8:], "little"))


def lanes(words: NDArray[Any], start: int, key: tuple[np.uint64, np.uint64]) -> Lanes:
    """Return the sums over `words` (unsigned, contiguous), the first of which has the index `start`."""
    summed = reference if words.size < SMALL else _summed()
    first, second = summed(words, np.uint64(start), key[0], key[1])
    return Lanes(int(first), int(second))


def reference(words: NDArray[Any], start: np.uint64, key0: np.uint64, key1: np.uint64) -> tuple[int, int]:
    """Return the two sums in NumPy; the compiled kernel gives the same."""
    total = Lanes(0, 0)
    for begin in range(0, words.size, CHUNK):
        bits = words[begin : begin + CHUNK].astype(np.uint64)
        index = np.arange(bits.size, dtype=np.uint64) + np.uint64(int(start) + begin)
        x = (bits * BITS) ^ (index * INDEX + key0)
        x = (x ^ (x >> HALF)) * FIRST
        x = (x ^ (x >> LESS)) * SECOND
        x ^= x >> HALF
        y = (x ^ key1) * THIRD
        y ^= y >> LESS
        total += Lanes(int(x.sum(dtype=np.uint64)), int(y.sum(dtype=np.uint64)))
    return total


@functools.cache
def _summed() -> Callable[..., tuple[int, int]]:
    """Return the compiled kernel, or NumPy's where Numba is missing or INITWISE_NUMBA=0."""
    kernels = _kernels()
    return reference if kernels is None else kernels.summed


def _kernels() -> ModuleType | None:
    if os.environ.get("INITWISE_NUMBA", "1") == "0":
        return None
    try:
        from initwise.digests import _kernels as compiled
    except (ImportError, OSError):
        return None
    return compiled
