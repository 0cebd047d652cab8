"""The inverse normal distribution function on 32-bit words, in integers and float32. NumPy reference.

The constants are part of the stream's contract (docs/stream.md); `scripts/fit_normal.py` made the polynomials.
"""

from __future__ import annotations

import numpy as np

from initwise.random._fma import Float32s, fma
from initwise.random._philox import Words

# Coefficients, constant first (LOG has none).
LOG = tuple(
    float.fromhex(value)
    for value in (
        "-0x1.ec7072p-1", "0x1.4853d8p-2", "-0x1.23eecep-3", "0x1.212296p-4",
        "-0x1.31a788p-5", "0x1.9b9ef0p-6", "-0x1.ef9fccp-7",
    )
)  # fmt: skip
CENTRAL = tuple(
    float.fromhex(value)
    for value in (
        "0x1.46340ap+1", "0x1.d17f14p-3", "-0x1.38d15cp-8", "-0x1.4621b8p-13", "0x1.7bc2b0p-15", "-0x1.eb6da4p-19",
        "0x1.1b46ecp-27", "0x1.030b3cp-25", "-0x1.3d5648p-29", "-0x1.4d5d76p-34", "0x1.ab66f2p-37",
    )
)  # fmt: skip
TAIL = tuple(
    float.fromhex(value)
    for value in (
        "0x1.4e1658p+2", "0x1.06e5cep-3", "-0x1.83c446p-10", "0x1.181134p-15",
        "-0x1.f32a08p-21", "0x1.f41eacp-26", "-0x1.dc9fd6p-31", "0x1.e97582p-37",
    )
)  # fmt: skip
TAIL_BELOW = 2**18  # m below this takes TAIL
TAIL_SHIFT = 16.0
EXPONENT_OFFSET = 121
UNIT = 2.0**-31
HALF_UNIT = 2.0**-32
MANTISSA_MASK = 0x007FFFFF
ONE_BITS = 0x3F800000
MANTISSA_CENTRE = 1.5


def normal_from_words(words: Words) -> Float32s:
    """z(w): the inverse normal distribution function of (w + 1/2) / 2**32, to a relative error below 1e-6.

    Exactly antisymmetric: z(2**32 - 1 - w) == -z(w).

    >>> normal_from_words(np.array([0, 2**31 - 1, 2**31], dtype=np.uint32)).tolist()
    [-6.337..., -2.918...e-10, 2.918...e-10]
    """
    upper = words >= 2**31
    m = np.where(upper, ~words, words).astype(np.int32)  # 31 bits
    x = _scaled(m ^ np.int32(0x7FFFFFFF))
    magnitude = x * _ratio(m)
    return np.where(upper, magnitude, -magnitude)


def _scaled(integers: np.ndarray[tuple[int, ...], np.dtype[np.int32]]) -> Float32s:
    """(2 * i + 1) / 2**32."""
    return fma(integers.astype(np.float32), np.float32(UNIT), np.float32(HALF_UNIT))


def _ratio(m: np.ndarray[tuple[int, ...], np.dtype[np.int32]]) -> Float32s:
    """|z| / x, from a logarithm and one of two polynomials."""
    t = _scaled(m)
    y = fma(-t, t, t + t)  # t * (2 - t)
    v = _shifted_log(y)
    ratio = _polynomial(CENTRAL, v)
    tail = m < TAIL_BELOW
    if tail.any():
        ratio[tail] = _polynomial(TAIL, v[tail] - np.float32(TAIL_SHIFT))
    return ratio


def _shifted_log(y: Float32s) -> Float32s:
    """-log2(y) less a constant, from the exponent and a polynomial of the mantissa."""
    bits = y.view(np.int32)
    exponent = (EXPONENT_OFFSET - (bits >> 23)).astype(np.float32)
    f = ((bits & MANTISSA_MASK) | ONE_BITS).view(np.float32) - np.float32(MANTISSA_CENTRE)
    return fma(f, _polynomial(LOG, f), exponent)


def _polynomial(coefficients: tuple[float, ...], x: Float32s) -> Float32s:
    """Horner's scheme, a fused multiply-add for each degree."""
    value = np.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = fma(value, x, np.float32(coefficient))
    return value
