"""Do all ranks mean the same: 16 bytes from each, of the plan, its seed, and how it is cut, before the first write."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from initwise._arguments import show
from initwise.errors import ArgumentTypeError
from initwise.model import Reading, walk
from initwise.planning import Plan
from initwise.shards import is_sharded

_FSDP1 = "FullyShardedDataParallel"
_REFUSED = (-1, -1)  # what a rank sends that found problems of its own
_CUTS = 24  # bits of the first word that say how parameters are cut; the others are the plan's


def compare_ranks(reading: Reading, plan: Plan, agree: Any, problems: Sequence[str]) -> list[str]:
    """Compare plans, seeds and placements across the ranks that hold parts of one model; return `problems`, and where
    others differ.

    One collective of 16 bytes a rank for each axis of each mesh; none where nothing is shared between processes. A rank
    with problems of its own takes part, so that no other waits for it.
    """
    if agree is False:
        return list(problems)
    words = _words(plan, _cuts(reading) if agree is True else 0)
    return _compared(words, list(_groups(reading, agree)), problems)


def compare_group(plan: Plan, group: Any, problems: Sequence[str]) -> list[str]:
    """Compare plans across the ranks of a process group, whatever the model is, as `compare_ranks` does."""
    return _compared(_words(plan), [(group, _device(group))], problems)


def _compared(words: tuple[int, int], groups: Sequence[tuple[Any, torch.device]], problems: Sequence[str]) -> list[str]:
    found = list(problems)
    mine = _REFUSED if problems else words
    for each, device in groups:
        sent = torch.tensor(mine, dtype=torch.int64, device=device)
        all_sent = [torch.empty_like(sent) for _ in range(dist.get_world_size(each))]
        dist.all_gather(all_sent, sent, group=each)
        found += _differences(mine, [tuple(words.tolist()) for words in all_sent], each)
        mine = mine if found == list(problems) else _REFUSED  # those along the next axis shall not go on alone
    return list(dict.fromkeys(found))


def refuse_other_than_group(agree: object) -> None:
    """Raise an `ArgumentTypeError` unless `agree` is a bool or a process group."""
    if not isinstance(agree, bool) and not _is_group(agree):
        raise ArgumentTypeError(
            f"apply: agree is {show(agree)} of type {type(agree).__name__}; give True, False or a process group"
        )


def _is_group(value: object) -> bool:
    """Tell whether it is a process group, or what `new_group` returns to ranks outside of it."""
    if not dist.is_available():
        return False
    return isinstance(value, dist.ProcessGroup) or value is dist.GroupMember.NON_GROUP_MEMBER


def _groups(reading: Reading, agree: Any) -> Iterator[tuple[Any, torch.device]]:
    """Yield process groups of more than one rank, in an order that is the same on all of them."""
    if not (dist.is_available() and dist.is_initialized()):
        return
    seen: set[int] = set()
    for each in [agree] if agree is not True else [*_of_meshes(reading), *_of_wrappers(reading)]:
        if id(each) not in seen and dist.get_world_size(each) > 1:  # it is -1 outside of the group
            seen.add(id(each))
            yield each, _device(each)


def _of_meshes(reading: Reading) -> Iterator[Any]:
    """Yield the groups along all axes of each mesh, one mesh after the other: so every rank hears of every other."""
    for mesh in {id(each.device_mesh): each.device_mesh for _, each in _sharded(reading)}.values():
        if mesh.get_coordinate() is not None:
            yield from (mesh.get_group(axis) for axis in range(mesh.ndim))


def _of_wrappers(reading: Reading) -> Iterator[Any]:
    """Yield the groups of DDP, and those of FSDP1, within and between which a model is sharded and repeated."""
    for _, module in walk(reading.model):
        if isinstance(module, nn.parallel.DistributedDataParallel) or type(module).__name__ == _FSDP1:
            groups: list[Any] = [module.process_group, getattr(module, "_inter_node_pg", None)]
            yield from (each for each in groups if each is not None)


def _device(group: Any) -> torch.device:
    """Return where a backend wants what it sends: gloo takes the CPU's memory, others that of their device."""
    accelerator = torch.accelerator.current_accelerator()
    if accelerator is None or dist.get_backend(group) == "gloo":
        return torch.device("cpu")
    return torch.device(accelerator.type, torch.accelerator.current_device_index())


def _words(plan: Plan, cuts: int = 0) -> tuple[int, int]:
    """Return what the plan and the cuts are, and the seed, 8 bytes each, as the signed integers that travel."""
    numbers = int(plan.digest()[:16], 16) >> _CUTS << _CUTS | cuts, plan.seed
    first, second = (number - 2**64 if number >= 2**63 else number for number in numbers)
    return (first, second) if (first, second) != _REFUSED else (0, second)


def _cuts(reading: Reading) -> int:
    """Return a number of `_CUTS` bits for the placements of all DTensors; which ranks are in their meshes is left out.

    Experts may lie on a mesh of their own, another one for other ranks.
    """
    words: dict[tuple[int, Any], str] = {}  # by mesh and placements, of which there are few
    told = hashlib.blake2b(digest_size=_CUTS // 8)
    for name, tensor in _sharded(reading):
        mesh, placements = tensor.device_mesh, tensor.placements
        how = words.get((id(mesh), placements))
        if how is None:
            how = words[id(mesh), placements] = f"{placements} {tuple(mesh.shape)}"
        told.update(f"{name} {how}\n".encode())
    return int.from_bytes(told.digest(), "big")


def _sharded(reading: Reading) -> list[tuple[str, Any]]:
    return [(each.name, tensor) for each in reading.parameters for tensor in each.tensors if is_sharded(tensor)]


def _differences(mine: tuple[int, int], sent: Sequence[tuple[int, ...]], group: Any) -> Iterator[str]:
    ranks = dist.get_process_group_ranks(group)
    refused = [rank for rank, words in zip(ranks, sent, strict=True) if words == _REFUSED]
    if mine == _REFUSED:
        return
    if refused:
        yield f"{_named(refused)} found problems and said so there; this rank ({dist.get_rank()}) writes nothing either"
    others = [(rank, words) for rank, words in zip(ranks, sent, strict=True) if words not in (mine, _REFUSED)]
    seeds = [rank for rank, words in others if words[1] != mine[1]]
    plans = [rank for rank, words in others if words[0] >> _CUTS != mine[0] >> _CUTS]
    if seeds:
        yield (
            f"{_named(seeds)} and this one ({dist.get_rank()}) have plans with different seeds; every rank needs the "
            "same plan: give all the same seed"
        )
    elif plans:
        yield (
            f"{_named(plans)} and this one ({dist.get_rank()}) have different plans (their digests differ); make the "
            "plan from the same model, rules and inputs on every rank, or send one plan's to_dict() to all"
        )
    elif others:
        yield (
            f"{_named([rank for rank, _ in others])} and this one ({dist.get_rank()}) cut parameters in different "
            "ways; every rank of a mesh needs the same placements on it: shard the model by the same code on all"
        )


def _named(ranks: Sequence[int]) -> str:
    shown = ", ".join(map(str, ranks[:8])) + (" and more" if len(ranks) > 8 else "")
    return f"rank{'s' if len(ranks) > 1 else ''} {shown}"
