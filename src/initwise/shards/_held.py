"""`held`: what of a parameter this process has in memory."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from initwise.errors import ArgumentError
from initwise.shards._piece import Piece, boxes
from initwise.shards._placements import axis_runs
from initwise.shards._slice import Shard


@dataclass(frozen=True, eq=False)
class Held:
    """What of a whole tensor is here.

    Attributes:
        whole: the shape of the whole.
        local: the plain tensor that holds what is here.
        pieces: the boxes of the whole that it holds, as views of its memory; none where nothing is here.
        mesh: the device mesh of a DTensor; None for plain tensors.
        replicas: the axes of the mesh along which ranks hold the same.
    """

    whole: tuple[int, ...]
    local: Tensor = field(repr=False)
    pieces: tuple[Piece, ...] = field(repr=False)
    mesh: Any = None
    replicas: tuple[int, ...] = ()

    @property
    def complete(self) -> bool:
        """All of it is here, in one piece."""
        return len(self.pieces) == 1 and tuple(self.pieces[0].view.shape) == self.whole

    @property
    def first(self) -> bool:
        """Of the ranks that hold the same, this is the first."""
        place = None if self.mesh is None else self.mesh.get_coordinate()
        return self.mesh is None or (place is not None and all(place[axis] == 0 for axis in self.replicas))


def held(tensor: Tensor, shard: Shard | None = None) -> Held:
    """Return what `tensor` holds of a whole: all of it, a DTensor's local part, or what `shard` says.

    Nothing is sent between processes.

    Raises:
        ArgumentError: the tensor and what is said of it contradict each other, or a placement is not known.
    """
    if is_sharded(tensor):
        if shard is not None:
            raise ArgumentError(f"it is a DTensor, which knows its own shard; leave {shard!r} out")
        return _of_dtensor(tensor)
    plain = tensor.detach()
    if shard is not None:
        return Held(shard.shape, plain, tuple(shard.pieces(plain)))
    return Held(tuple(plain.shape), plain, (Piece(plain, (0,) * plain.dim()),))


def is_sharded(tensor: Tensor) -> bool:
    """Tell whether a tensor is a DTensor, without importing what is only there where torch was built for it."""
    return _are_sharded(type(tensor))


@functools.cache
def _are_sharded(kind: type) -> bool:
    wraps = issubclass(kind, Tensor) and hasattr(kind, "__tensor_flatten__")
    return wraps and callable(getattr(kind, "to_local", None)) and hasattr(kind, "placements")


def local(tensor: Tensor) -> Tensor:
    """Return what of a tensor is in memory here: of a DTensor its local part, any other as it is."""
    there: Any = tensor
    here: Tensor = there.to_local() if is_sharded(tensor) else tensor
    return here


def _of_dtensor(tensor: Any) -> Held:
    with torch.no_grad():
        local = tensor.to_local().detach()
    mesh, placements = tensor.device_mesh, tensor.placements
    shape = tuple(tensor.shape)
    runs = axis_runs(shape, tuple(mesh.shape), mesh.get_coordinate(), placements)
    replicas = tuple(axis for axis, placement in enumerate(placements) if placement.is_replicate())
    if runs is None:
        return Held(shape, local, (), mesh, replicas)
    expected = tuple(sum(length for _, length in axis) for axis in runs)
    if tuple(local.shape) != expected:
        raise ArgumentError(
            f"its local tensor has shape {tuple(local.shape)}, and {tuple(placements)} on a mesh of "
            f"{tuple(mesh.shape)} leave {expected} of {shape} here"
        )
    return Held(shape, local, tuple(boxes(local, runs)), mesh, replicas)
