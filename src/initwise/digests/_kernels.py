"""The digest's arithmetic, compiled: the sums of `_lanes.reference`, at the speed of memory. Imported where used."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from initwise.digests._lanes import BLOCK, FIRST, HALF, LESS, ONE, SECOND, STEP, TABLE, THIRD, Keys
from initwise.digests._layout import Layout

_OPTIONS = {"nogil": True, "error_model": "numpy"}
_INLINE = njit(forceinline=True, **_OPTIONS)
_ADDRESSES = tuple(row.__array_interface__["data"][0] for row in TABLE)
u64 = np.uint64


def _reader(bits: int) -> Any:
    """Make the function (address, n) that reads the n-th unsigned integer of so many bits, aligned or not."""

    def at(_typing: Any, _address: Any, _n: Any) -> Any:
        def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            base = builder.inttoptr(arguments[0], ir.IntType(bits).as_pointer())
            read = builder.load(builder.gep(base, [arguments[1]]))
            read.align = 1
            return read

        return getattr(types, f"uint{bits}")(types.int64, types.int64), code

    at.__name__ = f"at{bits}"
    return intrinsic(at)


_byte_at, _half_at, _word_at = _reader(8), _reader(16), _reader(32)


@_INLINE
def _scales(block: int, key0: np.uint64, key1: np.uint64) -> tuple[Any, Any]:
    x = (u64(block) * STEP) ^ key0
    x = (x ^ (x >> HALF)) * FIRST
    x = (x ^ (x >> LESS)) * SECOND
    x ^= x >> HALF
    y = (x ^ key1) * THIRD
    y ^= y >> LESS
    return x | ONE, y | ONE


@njit(**_OPTIONS)
def _within(address: int, count: int, table0: int, table1: int) -> tuple[Any, Any]:
    """Return the sums over words of one block that lie beside each other; a loop that LLVM turns into vectors."""
    first, second = u64(0), u64(0)
    for n in range(count):
        word = u64(_word_at(address, n))
        first += word * u64(_word_at(table0, n))
        second += word * u64(_word_at(table1, n))
    return first, second


@_INLINE
def _read(address: int, n: int, size: int) -> Any:
    if size == 4:
        return u64(_word_at(address, n))
    return u64(_half_at(address, n)) if size == 2 else u64(_byte_at(address, n))


@njit(**_OPTIONS)
def _words(
    address: int, word: int, count: int, key0: np.uint64, key1: np.uint64, table0: int, table1: int
) -> tuple[Any, Any]:
    """Return the sums over words that lie beside each other, the first of which has the index `word`."""
    first, second = u64(0), u64(0)
    while count > 0:
        begin = word % BLOCK
        many = min(count, BLOCK - begin)
        here = _within(address, many, table0 + 4 * begin, table1 + 4 * begin)
        scales = _scales(word // BLOCK, key0, key1)
        first += here[0] * scales[0]
        second += here[1] * scales[1]
        address, word, count = address + 4 * many, word + many, count - many
    return first, second


@njit(**_OPTIONS)
def _elements(
    address: int, index: int, count: int, step: int, stride: int, size: int,
    key0: np.uint64, key1: np.uint64, table0: int, table1: int,
) -> tuple[Any, Any]:  # fmt: skip
    """Return the sums over elements of 1, 2 or 4 bytes that lie apart, or share words with others."""
    first, second, block = u64(0), u64(0), -1
    sum0, sum1, scales = u64(0), u64(0), (u64(0), u64(0))
    per_word = 4 // size
    for n in range(count):
        at = index + n * step
        word = at // per_word
        bits = _read(address, n * stride, size) << u64(8 * size * (at % per_word))
        if word // BLOCK != block:
            first += sum0 * scales[0]
            second += sum1 * scales[1]
            sum0, sum1, block = u64(0), u64(0), word // BLOCK
            scales = _scales(block, key0, key1)
        sum0 += bits * u64(_word_at(table0, word % BLOCK))
        sum1 += bits * u64(_word_at(table1, word % BLOCK))
    return first + sum0 * scales[0], second + sum1 * scales[1]


@njit(**_OPTIONS)
def _row(
    address: int, index: int, count: int, step: int, stride: int, size: int,
    key0: np.uint64, key1: np.uint64, table0: int, table1: int,
) -> tuple[Any, Any]:  # fmt: skip
    """Return the sums over a row of elements of 1, 2 or 4 bytes, word by word where they lie beside each other."""
    if step != 1 or stride != 1:
        first, second = _elements(address, index, count, step, stride, size, key0, key1, table0, table1)
        return first, second
    per_word = 4 // size
    head = min(count, -index % per_word)
    words = (count - head) // per_word
    tail = count - head - words * per_word
    sums = _words(address + head * size, (index + head) // per_word, words, key0, key1, table0, table1)
    first, second = sums
    if head > 0:
        sums = _elements(address, index, head, 1, 1, size, key0, key1, table0, table1)
        first, second = first + sums[0], second + sums[1]
    if tail > 0:
        done = count - tail
        sums = _elements(address + done * size, index + done, tail, 1, 1, size, key0, key1, table0, table1)
        first, second = first + sums[0], second + sums[1]
    return first, second


@njit(cache=True, **_OPTIONS)
def _box(
    address: int, axes: NDArray[np.int64], start: int, size: int, begin: int, end: int,
    key0: np.uint64, key1: np.uint64, table0: int, table1: int,
) -> tuple[Any, Any]:  # fmt: skip
    """Return the sums over the elements [begin, end) of a layout whose first element lies at `address`."""
    first, second = u64(0), u64(0)
    inner = axes.shape[0] - 1
    width, step, stride = axes[inner]
    place = begin
    while place < end:
        rest = place // width
        column = place - rest * width
        index, offset = start + column * step, column * stride
        for axis in range(inner - 1, -1, -1):
            outer = rest // axes[axis, 0]
            index += (rest - outer * axes[axis, 0]) * axes[axis, 1]
            offset += (rest - outer * axes[axis, 0]) * axes[axis, 2]
            rest = outer
        many = min(width - column, end - place)
        sums = _row(address + offset * size, index, many, step, stride, size, key0, key1, table0, table1)
        first, second, place = first + sums[0], second + sums[1], place + many
    return first, second


def summed(address: int, place: Layout, size: int, begin: int, end: int, key: Keys) -> tuple[int, int]:
    """Return the two sums over the elements [begin, end) of a layout, of `size` bytes each (1, 2 or 4).

    `address` is that of the first of all elements.
    """
    axes = np.array(place.axes, dtype=np.int64)
    first, second = _box(address, axes, place.start, size, begin, end, *key.scale, *_ADDRESSES)
    return int(first), int(second)
