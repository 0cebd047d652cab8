"""Lints across ranks: two processes with real shards and replicas, one start for all cases."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor
from torch.multiprocessing.spawn import spawn
from torch.nn.parallel import DistributedDataParallel

from initwise.lints._subject import Subject
from initwise.lints.shared import SHARED
from initwise.model import read

pytestmark = pytest.mark.skipif(not dist.is_available(), reason="this build of torch has no torch.distributed")
WORLD = 2
Told = list[tuple[str, str, str]]


def told(model: nn.Module) -> Told:
    """Codes, parameters and what was measured."""
    subject = Subject(read(model))
    return [(each.code, each.parameter, each.measured) for lint in SHARED for each in lint(subject)]


def _mesh(*shape: int) -> Any:
    return init_device_mesh("cpu", shape)


def _linear(placement: Any, *, bias: bool = False) -> nn.Linear:
    """A linear layer whose weight is placed on a mesh."""
    torch.manual_seed(0)
    layer = nn.Linear(16, 32, bias=bias)
    layer.weight = nn.Parameter(distribute_tensor(layer.weight.detach(), _mesh(WORLD), [placement]))
    return layer


def sharded_from_one_tensor() -> nn.Module:
    return _linear(Shard(0), bias=True)


def drawn_on_a_mesh_of_cpus() -> nn.Module:
    layer = _linear(Shard(0))
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says itself that it keeps no random state for such meshes
        nn.init.normal_(layer.weight)
    return layer


def drawn_along_columns() -> nn.Module:
    layer = _linear(Shard(1))
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nn.init.normal_(layer.weight)
    return layer


def constant_and_patterned_shards() -> nn.Module:
    model = nn.Module()
    mesh = _mesh(WORLD)
    rows = torch.arange(1.0, 17.0).log().expand(32, 16).clone()
    model.decays = nn.Parameter(distribute_tensor(rows, mesh, [Shard(0)]))
    model.zeros = nn.Parameter(distribute_tensor(torch.zeros(32, 16), mesh, [Shard(0)]))
    model.short = nn.Parameter(distribute_tensor(torch.tensor([1.0, 2.0, 1.0, 2.0]), mesh, [Shard(0)]))
    return model


def equal_replicas() -> nn.Module:
    return _linear(Replicate())


def other_replicas() -> nn.Module:
    model = nn.Module()
    torch.manual_seed(dist.get_rank())
    local = torch.randn(8, 8)
    model.weight = nn.Parameter(DTensor.from_local(local, _mesh(WORLD), [Replicate()], run_check=False))
    return model


def one_bit_of_a_replica() -> nn.Module:
    model = nn.Module()
    values = torch.ones(300, 300)
    if dist.get_rank() == 1:
        values[299, 299] = 1.0 + torch.finfo(torch.float32).eps
    model.weight = nn.Parameter(DTensor.from_local(values, _mesh(WORLD), [Replicate()], run_check=False))
    return model


def replicated_then_sharded() -> nn.Module:
    """A mesh of one by two: replicas of one rank each, that hold two shards."""
    model = nn.Module()
    mesh = _mesh(1, WORLD)
    local = torch.randn(8, 8, generator=torch.Generator().manual_seed(3))
    model.weight = nn.Parameter(DTensor.from_local(local, mesh, [Replicate(), Shard(0)], run_check=False))
    return model


def wrapped() -> nn.Module:
    torch.manual_seed(dist.get_rank())
    return DistributedDataParallel(nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8)))


def wrapped_and_written_by_each_rank() -> nn.Module:
    model = wrapped()
    torch.manual_seed(dist.get_rank())
    nn.init.normal_(model.module[0].weight)  # type: ignore[index, union-attr]
    return model


def plain_on_every_rank() -> nn.Module:
    torch.manual_seed(dist.get_rank())
    return nn.Linear(8, 8)


def only_this_rank_has_more() -> nn.Module:
    model = nn.ModuleDict({"shared": _linear(Shard(0))})
    if dist.get_rank() == 1:
        model["more"] = nn.Linear(4, 4)
    return model


CASES: list[Callable[[], nn.Module]] = [
    sharded_from_one_tensor,
    drawn_on_a_mesh_of_cpus,
    drawn_along_columns,
    constant_and_patterned_shards,
    equal_replicas,
    other_replicas,
    one_bit_of_a_replica,
    replicated_then_sharded,
    wrapped,
    wrapped_and_written_by_each_rank,
    plain_on_every_rank,
    only_this_rank_has_more,
]


def _rank(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=WORLD)
    found = {case.__name__: told(case()) for case in CASES}
    (Path(folder) / f"{rank}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Told]]:
    """What each of two ranks says about every case."""
    folder = tmp_path_factory.mktemp("ranks")
    spawn(_rank, args=(str(folder),), nprocs=WORLD)
    loaded = [json.loads((folder / f"{rank}.json").read_text()) for rank in range(WORLD)]
    return [{case: [tuple(each) for each in said] for case, said in rank.items()} for rank in loaded]


EXPECTED: dict[str, Told] = {
    "sharded_from_one_tensor": [],
    "drawn_on_a_mesh_of_cpus": [("DST801", "weight", "ranks 0, 1 hold bit-identical shards of 16 x 16")],
    "drawn_along_columns": [("DST801", "weight", "ranks 0, 1 hold bit-identical shards of 32 x 8")],
    "constant_and_patterned_shards": [],
    "equal_replicas": [],
    "other_replicas": [("DST802", "weight", "other bits on rank 0 and rank 1")],
    "one_bit_of_a_replica": [("DST802", "weight", "other bits on rank 0 and rank 1")],
    "replicated_then_sharded": [("DST801", "weight", "ranks 0, 1 hold bit-identical shards of 8 x 8")],
    "wrapped": [],
    "wrapped_and_written_by_each_rank": [("DST802", "0.weight", "other bits on rank 0 and rank 1")],
    "plain_on_every_rank": [],
    "only_this_rank_has_more": [],
}


@pytest.mark.parametrize("case", [case.__name__ for case in CASES])
def test_both_ranks_say_the_same_about_shards_and_replicas(ranks: list[dict[str, Told]], case: str) -> None:
    assert ranks[0][case] == ranks[1][case] == EXPECTED[case]


def test_without_a_process_group_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("a collective call")

    monkeypatch.setattr(dist, "all_gather_object", refused)
    assert told(nn.Linear(4, 4)) == []


def test_a_group_of_one_rank_has_nothing_to_compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("a collective call")

    monkeypatch.setattr(dist, "all_gather_object", refused)
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        layer = nn.Linear(16, 32)
        layer.weight = nn.Parameter(distribute_tensor(layer.weight.detach(), _mesh(1), [Shard(0)]))
        assert told(layer) == []
    finally:
        dist.destroy_process_group()
