"""The digest's arithmetic, compiled: the bits of `_lanes.reference`, at the speed of memory. Imported where used."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from initwise.digests._lanes import BITS, FIRST, HALF, INDEX, LESS, SECOND, THIRD


@njit(nogil=True, cache=True)
def summed(words: NDArray[Any], start: np.uint64, key0: np.uint64, key1: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Return the two sums over `words`, the first of which has the index `start`."""
    first = np.uint64(0)
    second = np.uint64(0)
    for position in range(words.size):
        index = np.uint64(position) + start
        x = (np.uint64(words[position]) * BITS) ^ (index * INDEX + key0)
        x = (x ^ (x >> HALF)) * FIRST
        x = (x ^ (x >> LESS)) * SECOND
        x = x ^ (x >> HALF)
        y = (x ^ key1) * THIRD
        first += x
        second += y ^ (y >> LESS)
    return first, second
