"""Moments of one tensor, in few passes over its memory, as tensors without axes that are read when all is done."""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor

_MOST = 2**23  # elements; of larger tensors every k-th along the longest axis is looked at


class Sheet:
    """Numbers that are still on their device; reading each at once would wait for it each time."""

    def __init__(self) -> None:
        self._numbers: list[Tensor] = []

    def note(self, number: Tensor) -> int:
        """Keep a number and return its place."""
        self._numbers.append(number)
        return len(self._numbers) - 1

    def read(self) -> list[float]:
        """Return all numbers, in one transfer for each device."""
        places: defaultdict[torch.device, list[int]] = defaultdict(list)
        for place, number in enumerate(self._numbers):
            places[number.device].append(place)
        found = [0.0] * len(self._numbers)
        for same in places.values():
            stacked = torch.stack([self._numbers[place].double() for place in same])
            for place, value in zip(same, stacked.tolist(), strict=True):
                found[place] = value
        return found


def plain(tensor: Tensor) -> Tensor:
    """Return the values to measure: detached, real, in at least float32, local, and not too many."""
    local = getattr(tensor, "to_local", None)
    values = (local() if callable(local) else tensor).detach()
    if values.is_complex():
        values = torch.view_as_real(values)
    if values.numel() > _MOST:
        axis = max(range(1, values.dim()), key=lambda each: values.shape[each], default=0)
        step = -(-values.numel() // _MOST)
        values = values[(slice(None),) * axis + (slice(None, None, step),)]
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def second_moment(values: Tensor) -> Tensor:
    """Return E[x^2]."""
    norm: Tensor = torch.linalg.vector_norm(values)
    return norm**2 / max(values.numel(), 1)


def variation(values: Tensor) -> Tensor | None:
    """Return half the mean squared difference of samples, E[Var] over the first axis; None for one sample."""
    half = values.shape[0] // 2 if values.dim() > 1 else 0
    if half == 0:
        return None
    return second_moment(values[:half] - values[half : 2 * half]) / 2


def peak(values: Tensor) -> Tensor:
    """Return the largest absolute value."""
    largest: Tensor = torch.linalg.vector_norm(values, ord=float("inf"))
    return largest
