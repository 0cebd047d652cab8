"""Sums over transposed boxes, compiled: tile by tile they are put into the order of the whole, and summed there.

Along the last axis of a transposed box, elements lie far apart in memory, and each would cost a cache line of its own.
A tile takes whole lines of many columns. Imported where used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from initwise.digests._kernels import _ADDRESSES, _OPTIONS, _row, _words, u64
from initwise.digests._lanes import Keys
from initwise.digests._layout import Transposed

_WIDE = 128  # elements of a tile along the last axis
_PITCH = _WIDE + 16  # so that rows of a tile do not compete for the same lines of the cache
_DEEP = 256  # bytes of a tile along the axis that lies beside each other in memory


def _mover(bits: int) -> Any:
    """Make the function (to, n, address, m) that copies the m-th unsigned integer of so many bits, aligned or not."""

    def move(_typing: Any, _to: Any, _n: Any, _address: Any, _m: Any) -> Any:
        def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            pointer = ir.IntType(bits).as_pointer()
            source = builder.gep(builder.inttoptr(arguments[2], pointer), [arguments[3]])
            target = builder.gep(builder.inttoptr(arguments[0], pointer), [arguments[1]])
            read = builder.load(source)
            read.align = 1
            builder.store(read, target).align = 1
            return ir.Constant(ir.IntType(64), 0)

        return types.int64(types.int64, types.int64, types.int64, types.int64), code

    move.__name__ = f"move{bits}"
    return intrinsic(move)


def _gatherer(bits: int) -> Any:
    """Make the function that copies a tile of `deep` times `wide` elements, a row of it after the other."""
    move = _mover(bits)

    @njit(**_OPTIONS)
    def gather(to: int, address: int, deep: int, wide: int, near: int, far: int) -> None:
        for column in range(wide):
            for row in range(deep):
                move(to, row * _PITCH + column, address, row * near + column * far)

    return gather


_gather_8, _gather_16, _gather_32, _gather_64 = map(_gatherer, (8, 16, 32, 64))


@njit(**_OPTIONS)
def _gathered(to: int, address: int, deep: int, wide: int, near: int, far: int, size: int) -> None:
    if size == 8:
        _gather_64(to, address, deep, wide, near, far)
    elif size == 4:
        _gather_32(to, address, deep, wide, near, far)
    elif size == 2:
        _gather_16(to, address, deep, wide, near, far)
    else:
        _gather_8(to, address, deep, wide, near, far)


def deep(size: int) -> int:
    """Return the number of elements of so many bytes that a strip holds along the near axis."""
    return _DEEP // size


@njit(cache=True, **_OPTIONS)
def _strips(
    address: int, axes: NDArray[np.int64], near: Any, inner: Any, start: int, size: int, begin: int, end: int,
    key0: np.uint64, key1: np.uint64, table0: int, table1: int,
) -> tuple[Any, Any]:  # fmt: skip
    """Return the sums over the strips [begin, end): each is all of the last axis, and `deep` of the near one."""
    first, second = u64(0), u64(0)
    tile = np.empty(_DEEP * _PITCH, np.uint8)
    to = tile.ctypes.data
    most = _DEEP // size
    many = -(-near[0] // most)
    for strip in range(begin, end):
        rest = strip // many
        corner = (strip - rest * many) * most
        deep = min(most, near[0] - corner)
        index, offset = start + corner * near[1], corner * near[2]
        for axis in range(axes.shape[0] - 1, -1, -1):
            outer = rest // axes[axis, 0]
            index += (rest - outer * axes[axis, 0]) * axes[axis, 1]
            offset += (rest - outer * axes[axis, 0]) * axes[axis, 2]
            rest = outer
        for column in range(0, inner[0], _WIDE):
            wide = min(_WIDE, inner[0] - column)
            _gathered(to, address + (offset + column * inner[2]) * size, deep, wide, near[2], inner[2], size)
            for row in range(deep):
                at, where = index + row * near[1] + column, to + row * _PITCH * size
                if size >= 4:
                    per = size // 4
                    sums = _words(where, per * at, per * wide, key0, key1, table0, table1)
                else:
                    sums = _row(where, at, wide, 1, 1, size, key0, key1, table0, table1)
                first, second = first + sums[0], second + sums[1]
    return first, second


def summed(address: int, place: Transposed, size: int, begin: int, end: int, key: Keys) -> tuple[int, int]:
    """Return the two sums over the strips [begin, end) of a transposed box with elements of `size` bytes."""
    axes = np.array(place.outer, dtype=np.int64).reshape(-1, 3)
    near, inner = tuple(place.near), tuple(place.inner)
    first, second = _strips(address, axes, near, inner, place.start, size, begin, end, *key.scale, *_ADDRESSES)
    return int(first), int(second)
