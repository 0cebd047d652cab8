"""The numbers of a storage dtype next to a given float64 number."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

StorageName = Literal["float32", "bfloat16", "float16", "float64"]


def at_least(name: StorageName, value: float) -> float:
    """The smallest number of the dtype that is >= value (infinity where there is none)."""
    return -at_most(name, -value)


def at_most(name: StorageName, value: float) -> float:
    """The largest number of the dtype that is <= value (minus infinity where there is none)."""
    if name == "float64" or math.isinf(value):
        return value
    if name == "bfloat16":
        return _bfloat16_at_most(at_most("float32", value))
    dtype = np.float16 if name == "float16" else np.float32
    with np.errstate(over="ignore", under="ignore"):
        nearest = dtype(value)
        return float(nearest if float(nearest) <= value else np.nextafter(nearest, dtype(-math.inf)))


def _bfloat16_at_most(value: float) -> float:
    if math.isinf(value):
        return value
    bits = int(np.float32(value).view(np.uint32))
    negative = bits >= 2**31
    upper = (bits >> 16) + (1 if negative and bits & 0xFFFF else 0)
    return float(np.uint32(upper << 16).view(np.float32))
