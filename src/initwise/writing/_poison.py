"""Poison: values that no initializer gives, put into new memory so that what nobody wrote can be told at the end."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

# A quiet NaN of each dtype with a payload that arithmetic does not make by itself, and the integers of its size.
_PAYLOADS: dict[torch.dtype, tuple[torch.dtype, int]] = {
    torch.float64: (torch.int64, 0x7FF8_1A17_0BAD_5EED),
    torch.float32: (torch.int32, 0x7FC5_1A17),
    torch.bfloat16: (torch.int16, 0x7FD5),
    torch.float16: (torch.int16, 0x7F15),
}

_PIECE = 1 << 18  # elements


def poison(tensor: Tensor) -> bool:
    """Fill new memory with a NaN of a special payload; False where there is none: integers, meta."""
    if type(tensor) is not Tensor or tensor.is_meta or tensor.layout is not torch.strided or tensor.numel() == 0:
        return False
    real = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    if real.dtype not in _PAYLOADS:
        return False
    integers, payload = _PAYLOADS[real.dtype]
    numbers = real.view(integers)
    if numbers.device.type == "cpu":
        numbers.numpy().fill(payload)  # on this thread: torch would wait for others that the machine may not have free
    else:
        numbers.fill_(payload)
    return True


def poisoned(tensor: Tensor, *, exact: bool) -> int:
    """Return how many elements hold the poison.

    `exact` asks for its very bits; else any NaN counts: a conversion, or arithmetic, keeps a NaN and not its payload.
    """
    plain = tensor.detach()
    real = torch.view_as_real(plain) if plain.is_complex() else plain
    if not exact or real.dtype not in _PAYLOADS:
        found = real.isnan()
    else:
        integers, payload = _PAYLOADS[real.dtype]
        numbers = real.view(integers)
        if numbers.device.type == "cpu" and not plain.is_complex():
            return _count(numbers, payload)
        found = numbers == payload
    return int((found.any(dim=-1) if plain.is_complex() else found).count_nonzero())


def _count(numbers: Tensor, payload: int) -> int:
    """Count by NumPy, a piece at a time: several times as fast as torch, and without memory of the tensor's size."""
    if numbers.is_contiguous():
        pieces = numbers.view(-1).split(_PIECE)
        return sum(int(np.count_nonzero(piece.numpy() == payload)) for piece in pieces)
    return int(np.count_nonzero(numbers.numpy() == payload))
