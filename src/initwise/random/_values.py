"""Values: from words to float32 numbers and their storage. NumPy reference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initwise.random._bounds import StorageName
from initwise.random._fma import Float32s, fma
from initwise.random._lowering import Lowered
from initwise.random._normal import normal_from_words
from initwise.random._philox import Words

# How NumPy, which has no bfloat16, holds each storage dtype. The two halves differ, so a backend can tell them apart.
ARRAY_DTYPES: dict[StorageName, type[np.generic]] = {
    "float32": np.float32,
    "bfloat16": np.int16,
    "float16": np.uint16,
    "float64": np.float64,
}

_UNIFORM_UNIT = np.float32(2.0**-24)


def uniform_from_words(words: Words) -> Float32s:
    """Return u = (w >> 8) * 2**-24, in [0, 1)."""
    return (words >> np.uint32(8)).astype(np.float32) * _UNIFORM_UNIT


def truncated_from_words(words: Words, lowered: Lowered) -> Float32s:
    """The z of the words mapped into the range of the interval, clamped to it."""
    offsets = (words.astype(np.uint64) * np.uint64(lowered.count)) >> np.uint64(32)
    z = normal_from_words((np.uint64(lowered.first) + offsets).astype(np.uint32))
    return np.clip(z, np.float32(lowered.z_low), np.float32(lowered.z_high))


def stored_values(lowered: Lowered, words: Words) -> NDArray[Any]:
    """The elements of the given words, as ARRAY_DTYPES holds their storage dtype."""
    scale, shift = np.float32(lowered.scale), np.float32(lowered.shift)
    with np.errstate(over="ignore"):
        values = fma(scale, _variates(lowered, words), shift)
    if lowered.storage == "float64":
        return np.clip(values.astype(np.float64), lowered.low, lowered.high)
    if lowered.low > -math.inf or lowered.high < math.inf:
        # The bounds are numbers of the dtype and rounding is monotone, so clamping first changes nothing.
        values = np.clip(values, np.float32(lowered.low), np.float32(lowered.high))
    return rounded(values, lowered.storage)


def rounded(values: Float32s, storage: StorageName) -> NDArray[Any]:
    """Float32 values rounded to nearest even, subnormals kept."""
    if storage == "float16":
        with np.errstate(over="ignore", under="ignore"):
            return values.astype(np.float16).view(np.uint16)
    if storage == "bfloat16":
        bits = values.view(np.uint32)
        return ((bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) >> 16).astype(np.uint16).view(np.int16)
    return values


def _variates(lowered: Lowered, words: Words) -> Float32s:
    if lowered.kind == "uniform":
        return uniform_from_words(words)
    if lowered.kind == "normal":
        return normal_from_words(words)
    return truncated_from_words(words, lowered)
