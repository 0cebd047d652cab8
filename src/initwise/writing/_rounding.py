"""Rounding a number once, from float64 to the dtype of a parameter."""

from __future__ import annotations

import math

import torch

from initwise.errors import ArgumentError


def rounded_once(value: float, dtype: torch.dtype) -> float:
    """Return the value of `dtype` nearest to `value`, ties to even, rounded in one step.

    `Tensor.fill_` goes through float32 on its way to bfloat16 and float16 and so may round twice.

    Raises:
        ArgumentError: `value` is finite and too large for `dtype`.

    >>> rounded_once(1.0 + 2**-8 + 2**-30, torch.bfloat16)
    1.0078125
    """
    if not math.isfinite(value) or value == 0.0:
        return value
    info = torch.finfo(dtype)
    digits = -math.frexp(info.eps)[1] + 2
    smallest_exponent = math.frexp(info.tiny)[1] - digits
    exponent = max(math.frexp(value)[1] - digits, smallest_exponent)
    result = math.ldexp(round(math.ldexp(value, -exponent)), exponent)
    if abs(result) > info.max:
        raise ArgumentError(f"the value {value!r} does not fit {dtype} (largest {info.max:.6g}); use a wider dtype")
    return result
