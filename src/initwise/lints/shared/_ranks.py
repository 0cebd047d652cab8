"""Ranks that hold the same where they should differ, or differ where they should hold the same.

Each rank sends a digest of what it holds of each parameter, and all ranks compare: a few dozen bytes a parameter, in
one collective. Nothing is sent where the model is neither sharded nor wrapped, or no process group is there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from initwise.digests import digest
from initwise.findings import Finding, found
from initwise.lints._subject import Subject
from initwise.model import Reading, walk

_FEWEST = 8  # values: fewer may be equal by chance, in half precision


class Held(NamedTuple):
    """What one rank holds of a tensor.

    Attributes:
        group: the ranks that share the tensor, in the order of their mesh.
        cut, copied: the rank's coordinates along the axes of the mesh that shard, and along those that replicate.
        digest: of the bits that are here.
        telling: these bits are drawn numbers, so that no other shard has them by design.
        shape: of what is here.
    """

    group: tuple[int, ...]
    cut: tuple[int, ...]
    copied: tuple[int, ...]
    digest: str
    telling: bool
    shape: tuple[int, ...]


def ranks(subject: Subject) -> Iterator[Finding]:
    """DST801: shards of one tensor are bit-identical. DST802: replicas of one tensor are not. A collective call."""
    if not _is_alive():
        return
    wrapped = [module for _, module in walk(subject.reading.model) if isinstance(module, DistributedDataParallel)]
    if not wrapped and not any(_is_sharded(each) for p in subject.reading.parameters for each in p.tensors):
        return
    gathered: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(gathered, dict(_held(subject.reading, wrapped)))
    for parameter in subject.reading.parameters:
        for index in range(len(parameter.tensors)):
            told = _compared(parameter.name, _same_group(gathered, (parameter.name, index)))
            if told is not None:
                yield told
                break


def _is_alive() -> bool:
    ready = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
    return ready and dist.get_backend() != "fake"


def _is_sharded(tensor: Tensor) -> bool:
    return hasattr(tensor, "placements") and hasattr(tensor, "device_mesh")


def _held(reading: Reading, wrapped: Sequence[DistributedDataParallel]) -> Iterator[tuple[tuple[str, int], Held]]:
    groups = {id(tensor): group for module in wrapped for tensor, group in _replicated(module)}
    for parameter in reading.parameters:
        for index, tensor in enumerate(parameter.tensors):
            here = _of_mesh(tensor) if _is_sharded(tensor) else _of_group(tensor, groups.get(id(tensor)))
            if here is not None:
                yield (parameter.name, index), here


def _replicated(module: DistributedDataParallel) -> Iterator[tuple[Tensor, tuple[int, ...]]]:
    """Yield the parameters that a wrapper keeps equal, with the ranks among which it does."""
    group = tuple(dist.get_process_group_ranks(module.process_group))
    ignored = set(getattr(module, "parameters_to_ignore", ()))
    for name, parameter in module.module.named_parameters():
        if name not in ignored:
            yield parameter, group


def _of_mesh(tensor: Any) -> Held | None:
    """Describe a DTensor's local part; None where this rank has none, or sums are outstanding."""
    coordinate = tensor.device_mesh.get_coordinate()
    local = tensor.to_local().detach()
    placements = list(tensor.placements)
    if coordinate is None or local.is_meta or any(each.is_partial() for each in placements):
        return None
    cut = tuple(at for at, each in zip(coordinate, placements, strict=True) if each.is_shard())
    copied = tuple(at for at, each in zip(coordinate, placements, strict=True) if not each.is_shard())
    axes = [each.dim for each in placements if each.is_shard()]
    group = tuple(tensor.device_mesh.mesh.flatten().tolist())
    return Held(group, cut, copied, _digest(local), _is_telling(local, axes), tuple(local.shape))


def _of_group(tensor: Tensor, group: tuple[int, ...] | None) -> Held | None:
    if group is None or tensor.is_meta:
        return None
    return Held(group, (), (group.index(dist.get_rank()),), _digest(tensor.detach()), False, tuple(tensor.shape))


def _digest(local: Tensor) -> str:
    holder = nn.Module()
    holder.register_buffer("values", local)
    return digest(holder, buffers=True)


def _is_telling(local: Tensor, axes: Sequence[int]) -> bool:
    """Tell whether values are drawn along the axes that are cut: a pattern that repeats there repeats across shards."""
    if local.numel() < _FEWEST:
        return False
    for axis in {*axes}:
        size = local.shape[axis]
        if size > 1 and torch.equal(local.narrow(axis, 0, size - 1), local.narrow(axis, 1, size - 1)):
            return False
    return not bool((local == local.flatten()[0]).all())


def _same_group(gathered: Sequence[Mapping[Any, Held]], key: tuple[str, int]) -> dict[int, Held]:
    """Return what each rank holds of a tensor, of the ranks that share it with this one."""
    there = {rank: held[key] for rank, held in enumerate(gathered) if key in held}
    own = there.get(dist.get_rank())
    return {rank: held for rank, held in there.items() if own is not None and held.group == own.group}


def _compared(name: str, there: Mapping[int, Held]) -> Finding | None:
    for same in _grouped(there, "cut"):
        if len({there[rank].digest for rank in same}) > 1:
            held = [[rank for rank in same if there[rank].digest == each] for each in {there[r].digest for r in same}]
            said = " and ".join(_ranks(each) for each in sorted(held))
            return found("DST802", name, "its replicas differ between ranks", f"other bits on {said}", "the same bits")
    for other in _grouped(there, "copied"):
        equal = _equal_shards(other, there)
        if equal:
            shape = " x ".join(map(str, there[equal[0]].shape))
            measured = f"{_ranks(equal)} hold bit-identical shards of {shape}"
            return found("DST801", name, "its shards are copies of each other", measured, "each rank its own part")
    return None


def _grouped(there: Mapping[int, Held], key: str) -> list[list[int]]:
    groups: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    for rank, held in there.items():
        groups[getattr(held, key)].append(rank)
    return list(groups.values())


def _equal_shards(members: Sequence[int], there: Mapping[int, Held]) -> list[int]:
    """Return the first ranks, of different coordinates, whose shards are equal."""
    by_digest: defaultdict[str, list[int]] = defaultdict(list)
    for rank in members:
        if there[rank].telling and there[rank].cut:
            by_digest[there[rank].digest].append(rank)
    return next((equal for equal in by_digest.values() if len(equal) > 1), [])


def _ranks(members: Sequence[int]) -> str:
    return f"rank{'s' if len(members) > 1 else ''} {', '.join(map(str, members))}"
