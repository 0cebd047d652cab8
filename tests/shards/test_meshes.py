"""DTensors on meshes of any shape, rank by rank in one process: what is written is the cut that torch makes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
import torch.distributed as dist
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

if not dist.is_available():
    pytest.skip("this build of torch has no torch.distributed", allow_module_level=True)

from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.placement_types import _StridedShard
from torch.testing._internal.distributed.fake_pg import FakeStore

import initwise as iw
from initwise.model import read
from initwise.writing._agreement import _cuts
from tests.shards.test_placements import PLACEMENTS, cut_by_torch

MESHES: list[tuple[int, ...]] = [(5,), (6,), (7,), (2, 3), (3, 2), (1, 5), (2, 2, 3), (3, 1, 2)]
LAWS: dict[str, Any] = {
    "normal": iw.Normal(std=0.02),
    "uniform": iw.Uniform(-1.0, 1.0),
    "truncated": iw.TruncatedNormal(std=0.5),
    "orthogonal": iw.Orthogonal(),
    "sparse": iw.Sparse(sparsity=0.4),
    "scaled by row": iw.Scaled(iw.Normal(std=1.0), tuple(1.0 + row for row in range(11)), axis=0),
    "given": iw.Given(tuple(float(number) for number in range(77))),
}
SHAPE = (11, 7)


@contextmanager
def rank_of(mesh: tuple[int, ...], rank: int) -> Iterator[DeviceMesh]:
    """Be one rank of a mesh whose other ranks do not exist."""
    dist.init_process_group("fake", rank=rank, world_size=math.prod(mesh), store=FakeStore())
    ranks = torch.arange(math.prod(mesh)).reshape(mesh)
    names = tuple(f"axis {axis} for rank {rank}" for axis in range(len(mesh)))  # torch keeps what it finds for a mesh
    try:
        yield DeviceMesh("cpu", ranks, mesh_dim_names=names, _init_backend=False)
    finally:
        dist.destroy_process_group()


def holding(local: torch.Tensor, mesh: DeviceMesh, placements: Any, shape: tuple[int, ...] = SHAPE) -> Any:
    """A layer whose weight is a DTensor with this local part."""
    model = nn.Linear(shape[1], shape[0], bias=False)
    stride = (shape[1], 1)
    odd = DTensor.from_local(local, mesh, placements, run_check=False, shape=torch.Size(shape), stride=stride)
    model.weight = nn.Parameter(odd)
    return model


def planned(law: Any) -> tuple[iw.Plan, torch.Tensor]:
    """The plan, and what one process writes."""
    model = nn.Linear(SHAPE[1], SHAPE[0], bias=False)
    plan = iw.plan(model, iw.rule("weight", law), seed=8)
    iw.apply(model, plan)
    return plan, model.weight.detach()


@pytest.mark.parametrize("name", LAWS)
@settings(max_examples=8)
@given(st.sampled_from(MESHES), st.data())
def test_each_rank_of_any_mesh_writes_the_cut_that_torch_makes(name: str, mesh: tuple[int, ...], data: Any) -> None:
    plan, whole = planned(LAWS[name])
    placements = [data.draw(st.sampled_from(PLACEMENTS)) for _ in mesh]
    places = list(itertools.product(*map(range, mesh)))
    rank = data.draw(st.integers(0, len(places) - 1))
    want = cut_by_torch(whole, list(mesh), places[rank], placements)
    with rank_of(mesh, rank) as device_mesh:
        model = holding(torch.full_like(want, math.nan), device_mesh, placements)
        iw.apply(model, plan, agree=False)
        assert torch.equal(model.weight.to_local(), want)
        assert iw.verify(model, plan, exact="required").ok


@pytest.mark.parametrize("mesh", MESHES, ids=str)
def test_digests_of_all_ranks_add_up_to_that_of_the_whole(mesh: tuple[int, ...]) -> None:
    plan, whole = planned(LAWS["normal"])
    alone = nn.Linear(SHAPE[1], SHAPE[0], bias=False)
    iw.apply(alone, plan)
    placements: list[Any] = [_StridedShard(0, split_factor=2), Shard(1), Shard(0)][: len(mesh)]
    found = []
    for rank, place in enumerate(itertools.product(*map(range, mesh))):
        with rank_of(mesh, rank) as device_mesh:
            local = cut_by_torch(whole, list(mesh), place, placements).clone()
            found.append(iw.digest(holding(local, device_mesh, placements), group=False))
    assert iw.digests.combined(*found) == iw.digest(alone)


def test_what_torch_distributes_on_meta_gets_memory_and_its_part() -> None:
    plan, whole = planned(LAWS["orthogonal"])
    with rank_of((2, 3), 4) as mesh:
        with torch.device("meta"):
            model = nn.Linear(SHAPE[1], SHAPE[0], bias=False)
        model.weight = nn.Parameter(distribute_tensor(model.weight, mesh, [Shard(0), Shard(0)], src_data_rank=None))
        with pytest.raises(
            iw.ApplyError, match=r"'weight' is on the meta device and has no memory; use iw.materialize"
        ):
            iw.apply(model, plan, agree=False)
        model.to_empty(device="cpu")
        iw.apply(model, plan, agree=False)
        here: Any = model.weight
        assert torch.equal(here.to_local(), whole.chunk(2)[1].chunk(3)[1])


def test_a_sum_that_is_outstanding_is_refused() -> None:
    plan, _ = planned(LAWS["normal"])
    with rank_of((2, 3), 1) as mesh:
        model = holding(torch.zeros(6, 7), mesh, [Shard(0), Partial()])
        with pytest.raises(iw.ApplyError, match=r"'weight': its placement Partial\(sum\) is of a kind .* not known"):
            iw.apply(model, plan, agree=False)
        assert not model.weight.to_local().any()


def test_a_local_tensor_of_another_mesh_is_refused() -> None:
    plan, _ = planned(LAWS["normal"])
    with rank_of((5,), 4) as mesh:
        model = holding(torch.zeros(6, 7), mesh, [Shard(0)])  # as two ranks would hold it
        said = r"its local tensor has shape \(6, 7\), and .* on a mesh of \(5,\) leave \(0, 7\) of \(11, 7\) here"
        with pytest.raises(iw.ApplyError, match=said):
            iw.apply(model, plan, agree=False)


def test_ranks_tell_meshes_and_placements_apart() -> None:
    """What they compare before the first write."""
    said = []
    for shape, placements in (
        ((2, 3), [Shard(0), Shard(1)]),
        ((3, 2), [Shard(0), Shard(1)]),
        ((2, 3), [Shard(1), Shard(0)]),
        ((2, 3), [Replicate(), Shard(1)]),
        ((2, 3), [_StridedShard(0, split_factor=3), Shard(0)]),
    ):
        with rank_of(shape, 0) as mesh:
            said.append(_cuts(read(holding(torch.zeros(1, 1), mesh, placements))))
    with rank_of((2, 3), 5) as mesh:  # on another rank, the same
        again = _cuts(read(holding(torch.zeros(1, 1), mesh, [Shard(0), Shard(1)])))
    assert len(set(said)) == len(said)
    assert again == said[0]
