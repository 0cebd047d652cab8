"""The arithmetic of a digest: a sum over the 32-bit words of a tensor's bytes in row-major order, each with a weight.

The word w of a tensor counts `TABLE[lane][w % BLOCK] * scale(w // BLOCK)` times its value in each of two lanes, modulo
2**64 (multilinear hashing: Carter and Wegman, 1979; Lemire and Kaser, 2014), and each element adds what stands for the
name, the dtype and the shape. A sum does not depend on order or grouping, and a part of a word counts as it does in the
whole word: threads, chunks and shards each sum their own elements. Two tensors that differ, in a way that does not come
from the tables, have the same sums with a probability of about 2**-64.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK = 1024  # words
STEP = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xFF51AFD7ED558CCD)
SECOND = np.uint64(0xC4CEB9FE1A85EC53)
THIRD = np.uint64(0xA0761D6478BD642F)
HALF, LESS, ONE = np.uint64(32), np.uint64(29), np.uint64(1)
MODULUS = 2**64


def _tables() -> NDArray[np.uint32]:
    """Return random odd numbers, a row for each lane: odd, so that one changed word always changes the sum."""
    drawn = hashlib.shake_256(b"initwise/digest/2").digest(2 * BLOCK * 4)
    return np.frombuffer(drawn, "<u4").astype(np.uint32).reshape(2, BLOCK) | np.uint32(1)


TABLE = _tables()
WEIGHTS = TABLE.astype(np.uint64)


class Lanes(NamedTuple):
    """Two sums modulo 2**64, and of how many elements."""

    first: int = 0
    second: int = 0
    elements: int = 0

    def __add__(self, other: object) -> Lanes:
        if not isinstance(other, Lanes):
            return NotImplemented
        first, second = (self.first + other.first) % MODULUS, (self.second + other.second) % MODULUS
        return Lanes(first, second, self.elements + other.elements)

    @property
    def hexadecimal(self) -> str:
        """The two sums as they are shown."""
        return f"{self.first:016x}{self.second:016x}"


class Keys(NamedTuple):
    """What tells the elements of one tensor from those of others: of the scales, and of each element."""

    scale: tuple[np.uint64, np.uint64]
    each: tuple[int, int]

    def of(self, first: int, second: int, elements: int) -> Lanes:
        """Return two sums of words, as those of so many elements of this tensor."""
        whole = (int(first) + elements * self.each[0]) % MODULUS, (int(second) + elements * self.each[1]) % MODULUS
        return Lanes(*whole, elements)


def keys(header: str) -> Keys:
    """Return the keys of the tensor that a header describes."""
    found = hashlib.blake2b(header.encode(), digest_size=32, person=b"initwise/digest").digest()
    one, other, *each = (int.from_bytes(found[at : at + 8], "little") for at in range(0, 32, 8))
    return Keys((np.uint64(one), np.uint64(other)), (each[0] | 1, each[1] | 1))


def reference(values: NDArray[Any], index: NDArray[np.uint64], key: Keys) -> tuple[int, int]:
    """Return the two sums over elements, given as unsigned integers with their row-major indices, in NumPy.

    The compiled kernel gives the same.
    """
    size = values.itemsize
    if size == 8:
        low = reference((values & np.uint64(0xFFFFFFFF)).astype(np.uint32), index * np.uint64(2), key)
        high = reference((values >> HALF).astype(np.uint32), index * np.uint64(2) + ONE, key)
        return (low[0] + high[0]) % MODULUS, (low[1] + high[1]) % MODULUS
    per_word = np.uint64(4 // size)
    word = index // per_word
    bits = values.astype(np.uint64) << (index % per_word * np.uint64(8 * size))
    within = (word % np.uint64(BLOCK)).astype(np.int64)
    scales = _scales(word // np.uint64(BLOCK), key)
    sums = (np.sum(bits * WEIGHTS[lane][within] * scales[lane], dtype=np.uint64) for lane in (0, 1))
    first, second = map(int, sums)
    return first, second


def _scales(block: NDArray[np.uint64], key: Keys) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    x = (block * STEP) ^ key.scale[0]
    x = (x ^ (x >> HALF)) * FIRST
    x = (x ^ (x >> LESS)) * SECOND
    x ^= x >> HALF
    y = (x ^ key.scale[1]) * THIRD
    y ^= y >> LESS
    return x | ONE, y | ONE
