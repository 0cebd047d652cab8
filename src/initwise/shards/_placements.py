"""What a rank holds of a DTensor, from its placements: runs of indices along each axis."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

from initwise.errors import ArgumentError
from initwise.shards._piece import Runs


def axis_runs(
    shape: Sequence[int], mesh: Sequence[int], coordinate: Sequence[int] | None, placements: Sequence[Any]
) -> tuple[Runs, ...] | None:
    """Return the runs of the whole that a rank holds along each axis, in the order of memory.

    Placements are applied from left to right, each to what the ones before left, as DTensor does. None where the rank
    is not in the mesh, and holds nothing.

    Args:
        shape: of the whole tensor.
        mesh: the sizes of the mesh's axes.
        coordinate: the rank's place in the mesh.
        placements: one for each axis of the mesh.

    Raises:
        ArgumentError: a placement is not a shard, a strided shard or a replica.
    """
    if len(placements) != len(mesh):
        raise ArgumentError(f"there are {len(placements)} placements, and the mesh has {len(mesh)} axes")
    if coordinate is None:
        return None
    cuts = tuple(None if placement.is_replicate() else _cut(placement, len(shape)) for placement in placements)
    return _runs(tuple(shape), tuple(mesh), tuple(coordinate), cuts)


@functools.lru_cache(maxsize=4096)  # layers repeat shapes and placements
def _runs(
    shape: tuple[int, ...], mesh: tuple[int, ...], coordinate: tuple[int, ...], cuts: tuple[tuple[int, int] | None, ...]
) -> tuple[Runs, ...]:
    axes: list[Runs] = [((0, size),) if size else () for size in shape]
    for cut, count, place in zip(cuts, mesh, coordinate, strict=True):
        if cut is None:
            continue
        axis, parts = cut
        size = sum(length for _, length in axes[axis])
        chosen = tuple(_chunk(part_start, part_stop, count, place) for part_start, part_stop in _even(0, size, parts))
        axes[axis] = tuple(run for low, high in chosen for run in _between(axes[axis], low, high))
    return tuple(_joined(runs) for runs in axes)


def _cut(placement: Any, ndim: int) -> tuple[int, int]:
    """Return the axis that is cut, and into how many parts before each is cut for the ranks."""
    kind = type(placement).__name__
    if kind not in {"Shard", "_StridedShard"}:
        raise ArgumentError(
            f"its placement {placement!r} is of a kind ({kind}) that is not known here; allowed are Shard, "
            "_StridedShard and Replicate"
        )
    axis = int(placement.dim) % ndim if ndim else 0
    if not -ndim <= int(placement.dim) < ndim:
        raise ArgumentError(f"its placement {placement!r} cuts axis {placement.dim}, and it has {ndim}")
    return axis, int(placement.split_factor) if kind == "_StridedShard" else 1


def _even(start: int, stop: int, parts: int) -> Iterator[tuple[int, int]]:
    """Cut as `torch.chunk` does: parts of ceil(size / parts), the last ones shorter or empty."""
    step = -(-(stop - start) // parts)
    for part in range(parts):
        yield min(stop, start + part * step), min(stop, start + (part + 1) * step)


def _chunk(start: int, stop: int, count: int, place: int) -> tuple[int, int]:
    step = -(-(stop - start) // count)
    return min(stop, start + place * step), min(stop, start + (place + 1) * step)


def _between(runs: Runs, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of the runs that are the elements [low, high) of what they hold together."""
    done = 0
    for first, length in runs:
        begin, end = max(low, done), min(high, done + length)
        if begin < end:
            yield first + begin - done, end - begin
        done += length


def _joined(runs: Runs) -> Runs:
    """Join runs that continue each other."""
    joined: list[tuple[int, int]] = []
    for first, length in runs:
        if joined and sum(joined[-1]) == first:
            joined[-1] = joined[-1][0], joined[-1][1] + length
        else:
            joined.append((first, length))
    return tuple(joined)
