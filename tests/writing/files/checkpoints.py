"""What ranks do in the tests of distributed checkpoints: functions of a rank that return what is compared."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

import initwise as iw
from initwise.shards import held
from initwise.writing.files import _place, _shares
from tests.shards.models import RULES, STRUCTURED, Network, by_one_process, planned
from tests.shards.ranks import Collectives, said

FOLDER = "INITWISE_TEST_CHECKPOINTS"  # the environment's name for where all ranks and all starts write


def place(name: str) -> Path:
    """Where a case keeps its checkpoint."""
    return Path(os.environ[FOLDER]) / name


def on_meta(make: Callable[[], Any] = Network) -> Any:
    with torch.device("meta"):
        return make()


def save(model: nn.Module, plan: iw.Plan, folder: Path, **options: Any) -> tuple[str, ...]:
    return iw.write_weights(model, plan, folder, layout="dcp", **options).files


def sharded(model: Any, **options: Any) -> Any:
    """The network under `fully_shard`, block by block."""
    for block in model.blocks:
        fully_shard(block, **options)
    return fully_shard(model, **options)


def two_axes(model: Any) -> Any:
    """FSDP over tensor parallelism: strided shards."""
    mesh = init_device_mesh("cpu", (2, dist.get_world_size() // 2), mesh_dim_names=("data", "tensor"))
    for block in model.blocks:
        parallelize_module(block, mesh["tensor"], {"up": ColwiseParallel(), "down": RowwiseParallel()})
    return sharded(model, mesh=mesh["data"])


def replicated(model: Any) -> Any:
    """HSDP: two replicas of what is sharded."""
    names = ("replica", "shard")
    return sharded(model, mesh=init_device_mesh("cpu", (2, dist.get_world_size() // 2), mesh_dim_names=names))


CUTS: dict[str, Callable[[Any], Any]] = {
    "plain": lambda model: model,
    "fully_shard": sharded,
    "hsdp": replicated,
    "fsdp over tensor parallel": two_axes,
}


def wrong(model: nn.Module, folder: Path, want: Mapping[str, Tensor]) -> list[str]:
    """Return the names that `load` did not give the values that are wanted, bit for bit, where they are held."""
    state = model.state_dict()
    for each in state.values():
        held(each).local.fill_(99)
    load(state, checkpoint_id=folder)
    return [
        name
        for name, each in state.items()
        if not all(torch.equal(piece.view, piece.of(want[name])) for piece in held(each).pieces)
    ]


def saved(rank: int, world: int) -> Any:
    """Every law, saved from plain tensors and from shards on meta, and loaded into both."""
    found = {}
    for rules, which in RULES.items():
        plan, want = by_one_process(which)
        for cut in ("plain", "fully_shard") if world == 2 else CUTS:
            folder = place(f"{rules} {cut} {world}")
            files = save(CUTS[cut](on_meta()), plan, folder)
            found[rules, cut] = files, wrong(Network(), folder, want), wrong(sharded(Network()), folder, want)
    return found


def loaded(rank: int, world: int) -> Any:
    """What four ranks saved, in another number of processes."""
    found = {}
    for rules, which in RULES.items():
        _, want = by_one_process(which)
        for cut in CUTS:
            folder = place(f"{rules} {cut} 4")
            found[rules, cut] = wrong(Network(), folder, want), wrong(sharded(Network()), folder, want)
    return found


def kept(rank: int, world: int) -> Any:
    """Rows of a plan that keep what a DTensor holds, and a buffer."""
    torch.manual_seed(0)
    whole: Any = nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.Linear(7, 3))
    rules = [iw.rule("0.weight", iw.Keep()), iw.rule("0.bias", iw.Keep()), iw.rule("*", iw.Constant(0.5))]
    plan = iw.plan(whole, rules)
    want = {name: each.detach().clone() for name, each in whole.state_dict().items()}
    drawn = [name for name, _ in whole.named_parameters() if not name.startswith("0.")]
    want |= {name: torch.full_like(want[name], 0.5) for name in drawn}
    save(fully_shard(whole), plan, place("kept"))
    return wrong(nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.Linear(7, 3)), place("kept"), want)


def parts_in_parallel(rank: int, world: int) -> Any:
    """How many bytes each rank writes of a large matrix, and what is sent before the first."""
    model = on_meta(lambda: nn.Linear(1024, 4096, bias=False))
    plan = iw.plan(model, "kaiming", seed=1)
    with Collectives() as between:
        files = save(model, plan, place("parallel"), max_shard_size="5MB")
    return between.seen[0], {name: (place("parallel") / name).stat().st_size for name in files}


def different_plans(rank: int, world: int) -> Any:
    model = on_meta()
    told = said(save, model, planned(model, seed=rank), place("different plans"))
    return told, place("different plans").exists()


def a_rank_with_a_problem(rank: int, world: int) -> Any:
    model = on_meta()
    plan = planned(model)
    other = on_meta(lambda: Network(width=20)) if rank == 1 else model
    return said(save, other, plan, place("problem")), place("problem").exists()


def different_folders(rank: int, world: int) -> Any:
    model = on_meta()
    mine = place(f"folder of {rank}")
    with patch.object(_place, "_PATIENCE", 0.0):
        told = said(save, model, planned(model), mine)
    return told, sorted(each.name for each in mine.iterdir()) if mine.exists() else []


def a_full_disk(rank: int, world: int) -> Any:
    """Of one rank, once it has written something; then another run, which succeeds."""
    model, (plan, want) = on_meta(), by_one_process()
    draw = _shares.Box.values

    def fails(box: _shares.Box, memory: bytearray | None = None) -> Tensor:
        if rank == 1 and len(list(place("full").glob("__1_*"))) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return draw(box, memory)

    with patch.object(_shares.Box, "values", fails):
        told = said(save, model, plan, place("full"), max_shard_size=5_000)
    dist.barrier()
    left = sorted(each.name for each in place("full").iterdir())
    dist.barrier()
    save(model, plan, place("full"))
    return told, left, wrong(Network(), place("full"), want)


def another_checkpoint(rank: int, world: int) -> Any:
    model = on_meta()
    save(model, planned(model), place("another"))
    return said(save, model, planned(model, STRUCTURED), place("another"))


def fsdp1(rank: int, world: int) -> Any:
    plan, _ = by_one_process()
    model = FullyShardedDataParallel(Network(), use_orig_params=True, device_id=torch.device("cpu"))
    return said(save, model, plan, place("fsdp1")), place("fsdp1").exists()


CASES_OF_TWO = [
    saved,
    kept,
    parts_in_parallel,
    different_plans,
    a_rank_with_a_problem,
    different_folders,
    a_full_disk,
    another_checkpoint,
    fsdp1,
]
