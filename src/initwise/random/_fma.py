"""Fused multiply-add of float32 arrays with a single rounding, which NumPy lacks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32s = NDArray[np.float32]
Float64s = NDArray[np.float64]

# A float64 halfway between two float32 numbers has exactly this pattern in the 29 bits that float32 lacks.
_TAIL_BITS = np.uint64(2**29 - 1)
_HALFWAY = np.uint64(2**28)
_SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)


def fma(a: Float32s | np.float32, b: Float32s | np.float32, c: Float32s | np.float32) -> Float32s:
    """Return a * b + c, rounded once, to nearest even.

    The product of two float32 numbers is exact in float64. Its sum with c is rounded to float64 and then to float32;
    only where that first rounding may decide the second one, the sum is rounded to odd instead (Boldo, Melquiond 2008).
    """
    product = np.multiply(a, b, dtype=np.float64)
    addend = np.asarray(c, dtype=np.float64)
    total = np.atleast_1d(product + addend)
    with np.errstate(under="ignore"):
        result: Float32s = total.astype(np.float32)
    doubtful = (total.view(np.uint64) & _TAIL_BITS) == _HALFWAY
    doubtful |= np.abs(total) < _SMALLEST_NORMAL
    if doubtful.any():
        parts = np.broadcast_arrays(product, addend)
        product, addend = (np.atleast_1d(part)[doubtful] for part in parts)
        result[doubtful] = _rounded_to_odd(product, addend).astype(np.float32)
    return result.reshape(np.broadcast_shapes(product_shape(a, b), np.shape(c)))


def product_shape(a: Float32s | np.float32, b: Float32s | np.float32) -> tuple[int, ...]:
    """The shape of a * b."""
    return np.broadcast_shapes(np.shape(a), np.shape(b))


def _rounded_to_odd(a: Float64s, b: Float64s) -> Float64s:
    """Return a + b in float64: exact, or else that neighbour of the exact sum whose last bit is one."""
    total = a + b
    part = total - a
    error = (a - (total - part)) + (b - part)  # exact (Knuth's two-sum)
    bits = total.view(np.int64)
    step = np.where((error > 0) == (total > 0), np.int64(1), np.int64(-1))
    odd = (bits & 1) == 1
    return np.where((error == 0) | odd, bits, bits + step).view(np.float64)
