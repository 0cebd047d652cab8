"""Moments of one tensor, in few passes over its memory, as tensors without axes that are read when all is done."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any, NamedTuple

import torch
from torch import Tensor

from initwise.shards import local

_MOST = 2**23  # elements; of larger tensors every k-th along the longest axis is looked at
_CHUNK = 1024  # summed by itself: a single sum of millions of squares in float32 is off by 1e-3

_FACTORS = 2 * 3 * 5 * 7


class Sheet:
    """Numbers that are still on their device; reading each at once would wait for it each time."""

    def __init__(self) -> None:
        self._numbers: list[Tensor] = []

    def note(self, number: Tensor) -> int:
        """Keep a number, or several in one tensor, and return its place."""
        self._numbers.append(number)
        return len(self._numbers) - 1

    def read(self) -> list[Any]:
        """Return all numbers, in one transfer for each device: floats, and tensors where several were kept as one."""
        places: defaultdict[torch.device, list[int]] = defaultdict(list)
        for place, number in enumerate(self._numbers):
            places[number.device].append(place)
        found: list[Any] = [0.0] * len(self._numbers)
        for same in places.values():
            kept = [self._numbers[place] for place in same]
            joined = torch.cat([each.double().reshape(-1) for each in kept]).cpu()
            for place, number, values in zip(same, kept, joined.split([each.numel() for each in kept]), strict=True):
                found[place] = values.reshape(number.shape) if number.dim() else float(values)
        return found


def plain(tensor: Tensor) -> Tensor:
    """Return the values to measure: detached, real, in at least float32, local, and not too many."""
    values = real(tensor)
    if values.numel() > _MOST:
        axis = max(range(1, values.dim()), key=lambda each: values.shape[each], default=0)
        step = -(-values.numel() // _MOST)
        values = values[(slice(None),) * axis + (slice(None, None, step),)]
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def real(tensor: Tensor) -> Tensor:
    """Return the values where they are: detached, real, of a shard its local part."""
    values = local(tensor).detach()
    if values.is_complex():
        values = torch.view_as_real(values)
        values = values.flatten(-2) if values.dim() > 1 else values
    return values


def strided(values: Tensor, most: int) -> Tensor:
    """Return at most `most` evenly spaced elements in one axis, whatever the axes mean; all where there are fewer."""
    flat = _flat(values)
    step = -(-flat.numel() // most)
    while step > 1 and math.gcd(step, _FACTORS) > 1:  # in step with an axis, it would see one unit only
        step += 1
    return flat[::step] if step > 1 else flat


def _flat(values: Tensor) -> Tensor:
    """Return all elements in one axis, in the order of memory; copied only where they are not dense in it."""
    order = sorted(range(values.dim()), key=values.stride, reverse=True)
    return values.permute(order).reshape(-1)


def second_moment(values: Tensor) -> Tensor:
    """Return E[x^2]."""
    return square(values) / max(values.numel(), 1)


def square(values: Tensor) -> Tensor:
    """Return the sum of the squares."""
    if values.numel() <= _CHUNK:
        total: Tensor = torch.linalg.vector_norm(values) ** 2
        return total
    flat = _flat(values)
    whole = flat.numel() // _CHUNK * _CHUNK
    parts: Tensor = torch.linalg.vector_norm(flat[:whole].view(-1, _CHUNK), dim=1) ** 2
    rest: Tensor = torch.linalg.vector_norm(flat[whole:]) ** 2
    return parts.sum() + rest


class Summary(NamedTuple):
    """Moments and correlations of one tensor, as tensors without axes.

    Attributes:
        mean, second_moment: of its elements.
        sample_correlation: E<x_a, x_b> / E|x|^2 over pairs of different samples at the same place; None for one sample.
        token_correlation: the same over pairs of different places of one sample; None where there is one place.
            Both are NaN where all elements are zero.
    """

    mean: Tensor
    second_moment: Tensor
    sample_correlation: Tensor | None
    token_correlation: Tensor | None


def summary(values: Tensor, axis: int = -1) -> Summary:
    """Return the moments of real values, and how samples and places are correlated, in three passes over the memory.

    The sum of <x_a, x_b> over all pairs of different vectors is |sum x_a|^2 - sum |x_a|^2: no matrix of pairs is
    needed.

    Args:
        values: samples along the first axis, units along `axis`, places (tokens, pixels) along all others.
        axis: -1 for (N, T, C), 1 for (N, C, H, W).

    >>> found = summary(torch.tensor([[1.0, 1.0], [1.0, 1.0], [1.0, -1.0]]))
    >>> round(float(found.second_moment), 4), round(float(found.sample_correlation), 4)
    (1.0, 0.3333)
    """
    total = square(values)
    count = max(values.numel(), 1)
    if values.dim() < 2:
        return Summary(values.mean(), total / count, None, None)
    samples = values.sum(0) if values.shape[0] > 1 else values[0]
    places = [each for each in range(1, values.dim()) if each != axis % values.dim()]
    positions = math.prod(values.shape[each] for each in places)
    tokens = values.sum(places) if positions > 1 else None
    return Summary(
        samples.sum() / count,
        total / count,
        _correlation(samples, total, values.shape[0]),
        None if tokens is None else _correlation(tokens, total, positions),
    )


def _correlation(summed: Tensor, total: Tensor, count: int) -> Tensor | None:
    return (square(summed) - total) / ((count - 1) * total) if count > 1 else None


def variation(values: Tensor) -> Tensor | None:
    """Return half the mean squared difference of samples, E[Var] over the first axis; None for one sample."""
    half = values.shape[0] // 2 if values.dim() > 1 else 0
    if half == 0:
        return None
    return second_moment(values[:half] - values[half : 2 * half]) / 2


def peak(values: Tensor) -> Tensor:
    """Return the largest absolute value; NaN where one is NaN."""
    low, high = torch.aminmax(values)
    return torch.maximum(-low, high)
