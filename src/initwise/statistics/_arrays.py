"""Tensors as NumPy arrays, without a copy where their memory is the CPU's.

torch's own operations start its threads for all but the smallest tensors, and wait for each other: for many small
pieces of work, or on a busy machine, that takes far longer than the work.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[Any]


def memory(tensor: Tensor) -> Array:
    """Return a real tensor's memory; NumPy has no bfloat16, so that its bits stand for it as int16."""
    plain = tensor.detach().resolve_neg()
    held: Array = (plain.view(torch.int16) if plain.dtype == torch.bfloat16 else plain).cpu().numpy()
    return held


def decoded(array: Array, out: Array | None = None) -> Array:
    """Return the numbers of an array that `memory` gave; those of half precision as float32, in `out` if given."""
    if array.dtype not in {np.dtype(np.int16), np.dtype(np.float16)}:
        return array
    values: Array = (np.empty(array.size, np.float32) if out is None else out[: array.size]).reshape(array.shape)
    if array.dtype == np.float16:
        np.copyto(values, array)
    else:
        np.left_shift(array.view(np.uint16), np.uint32(16), out=values.view(np.uint32), dtype=np.uint32)
    return values
