"""What a rank holds of a DTensor: our arithmetic against torch's own, and against tensors that torch cuts."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st

from initwise.errors import ArgumentError
from initwise.shards._placements import axis_runs

if not dist.is_available():
    pytest.skip("this build of torch has no torch.distributed", allow_module_level=True)

from torch.distributed.tensor import Partial, Replicate, Shard
from torch.distributed.tensor._utils import _compute_local_shape_and_global_offset
from torch.distributed.tensor.placement_types import _StridedShard

PLACEMENTS: list[Any] = [
    Replicate(),
    *(Shard(axis) for axis in (0, 1)),
    *(_StridedShard(axis, split_factor=factor) for axis in (0, 1) for factor in (2, 3)),
]
MESHES = st.lists(st.integers(1, 4), min_size=1, max_size=3)
SHAPES = st.lists(st.sampled_from([0, 1, 2, 3, 5, 8, 12, 17]), min_size=2, max_size=2)


def cut_by_torch(whole: torch.Tensor, mesh: list[int], place: tuple[int, ...], placements: list[Any]) -> torch.Tensor:
    """Cut a tensor as `distribute_tensor` does, one axis of the mesh after the other."""
    for placement, count, at in zip(placements, mesh, place, strict=True):
        if not placement.is_replicate():
            whole = placement._split_tensor(whole, count, with_padding=False, contiguous=True)[0][at]
    return whole


def held_by_us(whole: torch.Tensor, runs: Any) -> torch.Tensor:
    for axis, pieces in enumerate(runs):
        wanted = [index for first, length in pieces for index in range(first, first + length)]
        whole = whole.index_select(axis, torch.tensor(wanted, dtype=torch.long))
    return whole


@given(MESHES, SHAPES, st.data())
def test_every_rank_holds_the_elements_that_torch_gives_it(mesh: list[int], shape: list[int], data: Any) -> None:
    placements = [data.draw(st.sampled_from(PLACEMENTS)) for _ in mesh]
    whole = torch.arange(math.prod(shape)).reshape(shape)
    for place in itertools.product(*map(range, mesh)):
        runs = axis_runs(shape, mesh, place, placements)
        assert torch.equal(held_by_us(whole, runs), cut_by_torch(whole, mesh, place, placements))


@given(MESHES, SHAPES, st.data())
def test_local_shapes_and_offsets_are_those_of_torchs_arithmetic(mesh: list[int], shape: list[int], data: Any) -> None:
    placements = [data.draw(st.sampled_from(PLACEMENTS)) for _ in mesh]
    for place in itertools.product(*map(range, mesh)):
        local, offset = _compute_local_shape_and_global_offset(shape, mesh, list(place), placements)
        runs = axis_runs(shape, mesh, place, placements)
        assert runs is not None
        assert tuple(sum(length for _, length in axis) for axis in runs) == tuple(local)
        if 0 not in local:
            assert tuple(axis[0][0] for axis in runs) == tuple(offset)


@given(MESHES, SHAPES, st.data())
def test_ranks_along_cuts_hold_each_element_once_and_replicas_all_of_them(
    mesh: list[int], shape: list[int], data: Any
) -> None:
    placements = [data.draw(st.sampled_from(PLACEMENTS)) for _ in mesh]
    repeated = math.prod(size for size, each in zip(mesh, placements, strict=True) if each.is_replicate())
    whole = torch.arange(math.prod(shape)).reshape(shape)
    places = itertools.product(*map(range, mesh))
    held = [held_by_us(whole, axis_runs(shape, mesh, place, placements)).flatten() for place in places]
    counted = torch.bincount(torch.cat(held), minlength=whole.numel())
    assert bool((counted == repeated).all())


@given(SHAPES, st.integers(1, 4), st.integers(1, 4), st.sampled_from([0, 1]))
def test_strided_shards_of_two_axes_are_those_of_fsdp_over_tensor_parallel(
    shape: list[int], data_parallel: int, tensor_parallel: int, axis: int
) -> None:
    """`_StridedShard` on the outer axis cuts what the inner axis would leave: TP first, then FSDP within each part."""
    mesh = [data_parallel, tensor_parallel]
    placements: list[Any] = [_StridedShard(axis, split_factor=tensor_parallel), Shard(axis)]
    whole = torch.arange(math.prod(shape)).reshape(shape)
    if shape[axis] % (data_parallel * tensor_parallel):
        return  # of uneven cuts torch says itself what each rank holds; see above
    for first, second in itertools.product(range(data_parallel), range(tensor_parallel)):
        expected = whole.tensor_split(tensor_parallel, axis)[second].tensor_split(data_parallel, axis)[first]
        runs = axis_runs(shape, mesh, (first, second), placements)
        assert torch.equal(held_by_us(whole, runs), expected)


def test_a_negative_axis_counts_from_the_last() -> None:
    assert axis_runs((4, 6), (2,), (1,), [Shard(-1)]) == axis_runs((4, 6), (2,), (1,), [Shard(1)])
    assert axis_runs((4, 6), (2,), (1,), [Shard(-2)]) == axis_runs((4, 6), (2,), (1,), [Shard(0)])


def test_a_rank_outside_of_the_mesh_holds_nothing() -> None:
    assert axis_runs((4, 6), (2,), None, [Shard(0)]) is None


def test_runs_that_continue_each_other_are_one() -> None:
    assert axis_runs((8,), (1,), (0,), [_StridedShard(0, split_factor=4)]) == (((0, 8),),)


class _Diagonal:
    """A placement that nobody knows."""

    dim = 0

    def is_replicate(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "_Diagonal()"


@pytest.mark.parametrize(
    ("placement", "said"),
    [
        (Partial(), r"its placement Partial\(sum\) is of a kind \(Partial\) that is not known here; allowed are Shard"),
        (_Diagonal(), r"its placement _Diagonal\(\) is of a kind \(_Diagonal\) that is not known here"),
        (Shard(2), r"its placement Shard\(dim=2\) cuts axis 2, and it has 2"),
        (Shard(-3), r"its placement Shard\(dim=-3\) cuts axis -3, and it has 2"),
    ],
)
def test_other_placements_are_named(placement: Any, said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        axis_runs((4, 6), (2,), (0,), [placement])


def test_as_many_placements_as_axes_of_the_mesh_are_needed() -> None:
    with pytest.raises(ArgumentError, match="there are 1 placements, and the mesh has 2 axes"):
        axis_runs((4, 6), (2, 2), (0, 0), [Shard(0)])
