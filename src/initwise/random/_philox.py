"""Bits: Philox4x32-10 (Salmon et al. 2011) and the order in which elements take its words. NumPy reference."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from initwise.random._keys import Key

Words = NDArray[np.uint32]
Indices = NDArray[np.uint64]

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
LANES = 16  # consecutive counters that make up a tile
TILE = 64  # elements of a tile: 16 counters of four words
LAST_INDEX = 2**62

_LOW_HALF = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def philox(counters: tuple[Indices, Indices, Indices, Indices], key: tuple[int, int]) -> list[Words]:
    """Four output words for each counter; the counters are 32-bit values in uint64 arrays, for the wide products."""
    c0, c1, c2, c3 = counters
    k0, k1 = key
    for _ in range(ROUNDS):
        product0 = c0 * np.uint64(MULTIPLIERS[0])
        product1 = c2 * np.uint64(MULTIPLIERS[1])
        c0 = (product1 >> _HALF) ^ c1 ^ np.uint64(k0)
        c2 = (product0 >> _HALF) ^ c3 ^ np.uint64(k1)
        c1, c3 = product1 & _LOW_HALF, product0 & _LOW_HALF
        k0, k1 = (k0 + KEY_STEPS[0]) % 2**32, (k1 + KEY_STEPS[1]) % 2**32
    return [word.astype(np.uint32) for word in (c0, c1, c2, c3)]


def words_between(key: Key, start: int, stop: int) -> Words:
    """The words of the elements start, ..., stop - 1."""
    first_tile, last_tile = start // TILE, -(-stop // TILE)
    blocks = np.arange(LANES * first_tile, LANES * last_tile, dtype=np.uint64)
    tiles = np.stack(_words_of_blocks(key, blocks)).reshape(4, -1, LANES)
    words = np.ascontiguousarray(tiles.transpose(1, 0, 2)).reshape(-1)
    return words[start - TILE * first_tile : stop - TILE * first_tile]


def words_at(key: Key, indices: Indices) -> Words:
    """The words of the given elements, in any order."""
    flat = indices.reshape(-1)
    lanes = np.uint64(LANES)
    blocks = flat // np.uint64(TILE) * lanes + flat % lanes
    word = (flat // lanes) % np.uint64(4)
    return np.choose(word.astype(np.intp), _words_of_blocks(key, blocks)).reshape(indices.shape)


def _words_of_blocks(key: Key, blocks: Indices) -> list[Words]:
    c2, c3 = np.full_like(blocks, key.c2), np.full_like(blocks, key.c3)
    return philox((blocks & _LOW_HALF, blocks >> _HALF, c2, c3), (key.k0, key.k1))
