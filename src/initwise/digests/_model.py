"""What a process holds of a model: parts of tensors, and what of them counts on a mesh."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from initwise.digests._lanes import Lanes
from initwise.digests._ranks import Sums, outside
from initwise.digests._stored import Buffers, stored
from initwise.digests._sums import Part
from initwise.errors import ArgumentError
from initwise.model import described, flat_groups, read
from initwise.shards import Held, held, is_sharded

_META = "on the meta device"
_SHOWN = 5  # of the tensors that cannot be read


@dataclass
class Gathered:
    """The parts of a model that are here, with what is held of each; and why others cannot be read."""

    parts: list[Part] = field(default_factory=list)
    places: list[Held] = field(default_factory=list)
    partly: list[bool] = field(default_factory=list)  # a caller, or FSDP1, says what is held
    meshes: dict[str, Any] = field(default_factory=dict)  # of DTensors, by name
    problems: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    groups: tuple[Any, Any] = (None, None)  # within which parts are summed, and between replicas of all of them

    @property
    def told(self) -> list[str]:
        """What is wrong, a sentence each."""
        if not self.unreadable:
            return self.problems
        first, more = self.unreadable[:_SHOWN], len(self.unreadable) - _SHOWN
        shown = ", ".join(first) + (f" and {more} more" if more > 0 else "")
        bits = "only plain tensors with memory of their own have bits to read"
        meta = "; iw.materialize(model, plan, device=...) gives memory" if any(_META in each for each in first) else ""
        return [*self.problems, f"{shown}; {bits}{meta}"]

    def sums(self, lanes: Sequence[Lanes], *, agree: bool) -> Sums:
        """Sort the sums of all parts by who must be asked for the rest; without sums, tell whom alone."""
        sums = Sums(meshes={mesh: {} for mesh in self.meshes.values()})
        names = []
        for part, partly in zip(self.parts, self.partly, strict=True):
            if partly:
                names.append(part.name)
                sums.whole += math.prod(part.shape) * (2 if part.dtype.itemsize == 16 else 1)
        sums.names = tuple(sorted(names))
        for each, place, partly in zip(lanes, self.places, self.partly, strict=False):
            if place.mesh is not None:
                axes = frozenset(place.replicas) if agree else frozenset[int]()
                counts = agree or place.first
                of_mesh = sums.meshes[place.mesh]
                of_mesh[axes] = of_mesh.get(axes, Lanes()) + (each if counts else Lanes())
            elif partly:
                sums.described += each
            else:
                sums.plain += each
        return sums


def gather(model: nn.Module, buffers: Buffers, shards: Any, group: Any) -> Gathered:
    """Find what is here of every tensor that a digest of `model` covers."""
    reading, found = read(model), Gathered()
    if buffers not in (False, True, "persistent"):
        found.problems.append(f'buffers is {buffers!r}; allowed are False, True and "persistent"')
    said = described(reading, shards, found.problems)
    for kind, name, tensor in stored(reading, buffers):
        if is_sharded(tensor):
            found.meshes[name] = tensor.device_mesh  # type: ignore[attr-defined]
        local = _local(tensor)
        if why := _unreadable(local):
            found.unreadable.append(f"{name!r} ({why})")
            continue
        shard = said.get(name) if kind == "parameter" else None
        try:
            place = held(tensor, shard)
        except ArgumentError as error:
            found.problems.append(f"{name!r}: {error}")
            continue
        found.parts.append(Part(kind, name, tensor.dtype, place.whole, place.pieces))
        found.places.append(place)
        found.partly.append(shard is not None)
    found.groups = (group, None)
    if group is None and not shards and not found.meshes and len(flat := flat_groups(reading)) == 1:
        found.groups = flat[0]
    if group is not False:
        found.problems += outside(found.meshes, group)
    return found


def parts_of(model: nn.Module, buffers: Buffers) -> list[Part]:
    """Return the tensors that a digest of a model in one process covers."""
    return gather(model, buffers, None, False).parts


def _local(tensor: Any) -> Tensor:
    if not is_sharded(tensor):
        return tensor  # type: ignore[no-any-return]
    with torch.no_grad():
        return tensor.to_local()  # type: ignore[no-any-return]


def _unreadable(tensor: Tensor) -> str:
    wrapped: bool = is_traceable_wrapper_subclass(tensor)  # named, so that types are not narrowed
    if wrapped:
        return type(tensor).__name__
    if tensor.is_meta:
        return _META
    if tensor.layout != torch.strided or tensor.is_quantized:
        return f"{tensor.layout}, {tensor.dtype}"
    return ""
