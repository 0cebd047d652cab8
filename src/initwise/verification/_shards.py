"""The part of a distributed tensor that this process holds, and where in the whole it lies."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def local(tensor: Tensor) -> tuple[Tensor, tuple[int, ...] | None]:
    """Return the values at hand and the index of their first one; None for placements that are not plain shards."""
    to_local = getattr(tensor, "to_local", None)
    if not callable(to_local):
        return tensor, (0,) * tensor.dim()
    return to_local(), _corner(tensor)


def _corner(tensor: Any) -> tuple[int, ...] | None:
    """Follow the chunks that each axis of the mesh takes: all of ceil(size / count), but for the last ones."""
    corner, sizes = [0] * tensor.dim(), list(tensor.shape)
    place = tensor.device_mesh.get_coordinate()
    for axis, placement in enumerate(tensor.placements):
        if placement.is_replicate():
            continue
        if type(placement).__name__ != "Shard" or place is None:
            return None
        dim = placement.dim
        chunk = -(-sizes[dim] // tensor.device_mesh.size(axis))
        begin = min(sizes[dim], chunk * place[axis])
        corner[dim] += begin
        sizes[dim] = min(chunk, sizes[dim] - begin)
    return tuple(corner)
