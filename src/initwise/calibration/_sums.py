"""Sums over batches and processes, and the moments that they give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from initwise.calibration._together import Together


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


def over_processes(peers: Together, place: str, found: Mapping[str, Sums]) -> dict[str, Sums]:
    """Return the sums over all processes, in the order of execution; what one of them did not see counts for nothing.

    Where processes differ in how many channels there are, the sums are those of all channels.
    """
    if peers.alone:
        return dict(found)
    seen = peers.told(place, {name: each.total.numel() for name, each in found.items()})
    sizes = {name: {each[name] for each in seen if name in each} for name in _merged(seen)}
    width = {name: min(each) if len(each) == 1 else 1 for name, each in sizes.items()}
    parts = [_part(found.get(name), width[name]) for name in sizes]
    return {name: Sums(*each) for name, each in zip(sizes, peers.summed(place, parts), strict=True)}


def _part(found: Sums | None, width: int) -> Tensor:
    """Return count, sum and sum of squares as the rows of one tensor."""
    if found is None:
        return torch.zeros(3, width, dtype=torch.float64, device="cpu")
    fit = found if found.total.numel() == width else found.whole
    return torch.stack([fit.count, fit.total, fit.square]).cpu()


def _merged(orders: Iterable[Iterable[str]]) -> list[str]:
    """Return all names of several orders; what the first order has not comes behind what it follows in its own."""
    merged: list[str] = []
    for order in orders:
        place = 0
        for name in order:
            if name not in merged:
                merged.insert(place, name)
            place = merged.index(name) + 1
    return merged
