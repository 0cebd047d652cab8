"""Sums over batches and ranks, and the moments that they give."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Sums:
    """Count, sum and sum of squares of the elements of each channel, in float64."""

    count: Tensor
    total: Tensor
    square: Tensor

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.count + other.count, self.total + other.total, self.square + other.square)

    @property
    def whole(self) -> Sums:
        """The same over all channels."""
        return Sums(*(each.sum().reshape(1) for each in (self.count, self.total, self.square)))

    @property
    def mean(self) -> Tensor:
        """The mean of each channel."""
        return self.total / self.count

    @property
    def std(self) -> Tensor:
        """The standard deviation of each channel, without a correction for its mean."""
        return (self.square / self.count - self.mean**2).clamp(min=0).sqrt()


def sums(tensor: Tensor, axis: int) -> Sums:
    """Return the sums of a tensor along all axes but one."""
    values = tensor.detach()
    values = (torch.view_as_real(values).flatten(-2) if values.is_complex() else values).double()
    rest = [place for place in range(values.dim()) if place != axis % values.dim()]
    total, square = (each.sum(rest) if rest else each for each in (values, values**2))
    return Sums(torch.full_like(total, values.numel() // max(1, total.numel())), total, square)


def over_ranks(found: Sums) -> Sums:
    """Return the sums over all processes, where torch.distributed runs."""
    if not (dist.is_available() and dist.is_initialized()):
        return found
    together = torch.stack([found.count, found.total, found.square])
    dist.all_reduce(together)
    return Sums(*together)
