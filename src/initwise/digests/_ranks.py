"""Sums over what several processes hold, each element once: one small exchange for each axis of each mesh.

Along an axis of a mesh that cuts tensors, the ranks' sums are added; along one that repeats them, they must be equal.
So every rank learns the sum of the whole, and that replicas are replicas.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist

from initwise.digests._lanes import MODULUS, Lanes

_FINE, _REFUSED, _DIFFER = range(3)
_NOTHING = Lanes()
Axes = frozenset[int]  # of a mesh, along which ranks hold the same


@dataclass
class Sums:
    """What one process holds.

    Attributes:
        plain: of tensors that it holds whole.
        meshes: of DTensors, by mesh and by the axes along which they are repeated.
        described: of plain tensors that hold parts.
        whole: the number of elements that all parts in `described` make together.
        names: of the parameters in `described`.
    """

    plain: Lanes = _NOTHING
    meshes: dict[Any, dict[Axes, Lanes]] = field(default_factory=dict)
    described: Lanes = _NOTHING
    whole: int = 0
    names: tuple[str, ...] = ()


def together(
    mine: Sums, problems: Sequence[str], *, group: Any, between: Any = None, agree: bool
) -> tuple[Lanes, list[str]]:
    """Return the sums over all processes, and what is wrong: `problems`, and what only all of them can tell.

    A process with problems of its own takes part, so that no other waits for it. Over `between`, a group of ranks that
    hold the same, the sums must be equal.
    """
    found = list(problems)
    if group is False:
        on_meshes = (lanes for sums in mine.meshes.values() for lanes in sums.values())
        return sum(on_meshes, mine.plain + mine.described), found
    reduced = {mesh: _over_mesh(mesh, sums, mine.plain, found, agree=agree) for mesh, sums in mine.meshes.items()}
    if group is None and not mine.names:
        return sum(reduced.values(), mine.plain), list(dict.fromkeys(found))
    if not (dist.is_available() and dist.is_initialized()):
        if mine.described.elements != mine.whole:
            found.append(_incomplete(mine, "this process holds"))
        return mine.plain + mine.described, list(dict.fromkeys(found))
    total = _over_group(dist.group.WORLD if group is None else group, mine, reduced, found, agree=agree)
    if between is not None and agree:
        _compare(between, total, found)
    return total, list(dict.fromkeys(found))


def outside(meshes: Mapping[str, Any], group: Any) -> list[str]:
    """Name the meshes, given by the name of a tensor, of which this process cannot learn the sum."""
    found = []
    for name, mesh in meshes.items():
        ranks = [int(rank) for rank in mesh.mesh.flatten().tolist()]
        if isinstance(group, dist.ProcessGroup) and (away := set(ranks) - set(dist.get_process_group_ranks(group))):
            found.append(f"{name!r} is on a mesh of ranks {ranks}, and {sorted(away)} are not in group=; widen it")
        elif group is None and mesh.get_coordinate() is None:
            found.append(
                f"{name!r} is on a mesh of ranks {ranks}, and this one ({dist.get_rank()}) is not among them; call "
                "digest on those only, or on all ranks with group=torch.distributed.group.WORLD"
            )
    return found


def _over_mesh(mesh: Any, sums: Mapping[Axes, Lanes], plain: Lanes, found: list[str], *, agree: bool) -> Lanes:
    """Return the sums over the ranks of a mesh; nothing where this process is not among them."""
    if mesh.get_coordinate() is None:
        return Lanes()
    kinds = _subsets(mesh.ndim)
    held = [sums.get(kind, Lanes()) for kind in kinds]
    for axis in range(mesh.ndim):
        group = mesh.get_group(axis)
        if dist.get_world_size(group) == 1:
            continue
        sent = [_status(found), *_signed(plain), *(word for lanes in held for word in _signed(lanes))]
        rows = _gathered(group, sent)
        _tell_refused(rows, group, found)
        if agree and _differ(row[1:4] for row in rows):
            found.append(_differing(f"parameters that are no DTensors, among {_ranks(group)}"))
        for number, kind in enumerate(kinds):
            each = [_lanes(row[4 + 3 * number : 7 + 3 * number]) for row in rows]
            if axis not in kind:  # without `agree`, in none
                held[number] = sum(each, Lanes())
            elif _differ(each):
                found.append(_differing(f"DTensors, among {_ranks(group)}"))
    return sum(held, Lanes())


def _over_group(group: Any, mine: Sums, reduced: Mapping[Any, Lanes], found: list[str], *, agree: bool) -> Lanes:
    """Return the sums over a group: parts of all, each mesh from its first rank, and what every rank holds whole."""
    firsts = (lanes for mesh, lanes in reduced.items() if not any(mesh.get_coordinate() or (1,)))
    parts = [mine.described, sum(firsts, Lanes()), mine.plain]
    signs = [_sign(mine.names), _sign([repr(mesh.mesh.tolist()) for mesh in mine.meshes])]
    rows = _gathered(group, [_status(found), *signs, mine.whole, *(word for part in parts for word in _signed(part))])
    _tell_refused(rows, group, found)
    if _differ(row[2] for row in rows):
        found.append(
            f"{_ranks(group)} hold DTensors on different meshes, and a sum over all would count replicas twice; leave "
            "group= out: each mesh is then summed by itself"
        )
    if agree and _differ(row[10:13] for row in rows):
        found.append(_differing(f"parameters that shards= does not speak of, among {_ranks(group)}"))
    described, sharded = (sum((_lanes(row[at : at + 3]) for row in rows), Lanes()) for at in (4, 7))
    if not _differ(row[1] for row in rows) and described.elements != mine.whole and not _refused(rows):
        found.append(_incomplete(Sums(described=described, whole=mine.whole), f"{_ranks(group)} hold together"))
    return described + sharded + mine.plain


def _compare(group: Any, total: Lanes, found: list[str]) -> None:
    """Hold the sums of whole replicas against each other."""
    rows = _gathered(group, [_status(found), *_signed(total)])
    _tell_refused(rows, group, found)
    if not found and _differ(row[1:] for row in rows):
        found.append(_differing(f"those of FSDP, among {_ranks(group)}"))


def _refused(rows: Sequence[Sequence[int]]) -> bool:
    return any(row[0] != _FINE for row in rows)


def _gathered(group: Any, words: Sequence[int]) -> list[list[int]]:
    accelerator = torch.accelerator.current_accelerator()
    device = torch.device("cpu")
    if accelerator is not None and dist.get_backend(group) != "gloo":
        device = torch.device(accelerator.type, torch.accelerator.current_device_index())
    sent = torch.tensor(words, dtype=torch.int64, device=device)
    rows = [torch.zeros_like(sent) for _ in range(dist.get_world_size(group))]
    dist.all_gather(rows, sent, group=group)
    return [row.tolist() for row in rows]


def _tell_refused(rows: Sequence[Sequence[int]], group: Any, found: list[str]) -> None:
    ranks = dist.get_process_group_ranks(group)
    refused = [rank for rank, row in zip(ranks, rows, strict=True) if row[0] == _REFUSED]
    if refused and not found:
        words = f"rank{'s' if len(refused) > 1 else ''} {', '.join(map(str, refused))}"
        found.append(f"{words} found problems and said so there")


def _status(found: Sequence[str]) -> int:
    return _REFUSED if found else _FINE


def _differ(values: Iterator[Any] | Sequence[Any]) -> bool:
    first, *others = values
    return any(other != first for other in others)


def _differing(what: str) -> str:
    return (
        f"replicas differ: {what}; iw.check names them (DST802). Write the same into all, or give agree=False for the "
        "digest of the first of each"
    )


def _incomplete(sums: Sums, who: str) -> str:
    return (
        f"{who} {sums.described.elements:,} elements of parameters in parts, which have {sums.whole:,}; give group=, "
        "the ranks that hold each part once, or group=False for the digest of what is here"
    )


def _ranks(group: Any) -> str:
    ranks = dist.get_process_group_ranks(group)
    return f"ranks {', '.join(map(str, ranks[:8]))}{' and more' if len(ranks) > 8 else ''}"


def _subsets(count: int) -> list[Axes]:
    return [frozenset(axis for axis in range(count) if bits >> axis & 1) for bits in range(2**count)]


def _sign(names: Sequence[str]) -> int:
    return int.from_bytes(hashlib.blake2b("\0".join(names).encode(), digest_size=7).digest(), "big")


def _signed(lanes: Lanes) -> tuple[int, int, int]:
    """Return three words as the signed integers that travel."""
    first, second = (word - MODULUS if word >= MODULUS // 2 else word for word in lanes[:2])
    return first, second, lanes.elements


def _lanes(words: Sequence[int]) -> Lanes:
    first, second, elements = words
    return Lanes(first % MODULUS, second % MODULUS, elements)
