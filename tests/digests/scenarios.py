"""What the ranks of a process group do, each returning what it found; one launch runs many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, ShardingStrategy, fully_shard
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from torch.utils._python_dispatch import TorchDispatchMode

import initwise as iw
from initwise.digests import combined
from initwise.shards import FlatRange, Slice

Scenario = Callable[[int, int], Any]


class Block(nn.Module):
    def __init__(self, width: int = 30) -> None:
        super().__init__()
        self.up = nn.Linear(width, 4 * width + 3)
        self.down = nn.Linear(4 * width + 3, width)
        self.norm = nn.BatchNorm1d(width)


class Net(nn.Module):
    """Tied, with sizes that no mesh divides, one parameter too small for all ranks, and buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.emb = nn.Embedding(11, 30)
        self.blocks = nn.ModuleList([Block() for _ in range(2)])
        self.head = nn.Linear(30, 11, bias=False)
        self.head.weight = self.emb.weight
        self.last = nn.Linear(30, 1)


def whole() -> Any:
    """The model of one process."""
    torch.manual_seed(7)
    return Net()


def _said(*arguments: Any, **options: Any) -> str:
    try:
        return iw.digest(*arguments, **options)
    except Exception as error:  # noqa: BLE001 - any: the test looks at it
        return f"{type(error).__name__}: {error}"


class _Sent(TorchDispatchMode):
    """How many bytes each exchange sends."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes: list[int] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.namespace == "c10d":
            self.bytes.append(args[1][0].nbytes)
        return func(*args, **(kwargs or {}))


def fsdp2(rank: int, world: int) -> Any:
    model = whole()
    for block in model.blocks:
        fully_shard(block)
    fully_shard(model)
    with _Sent() as sent:
        found = iw.digest(model)
    return found, iw.digest(model, buffers=True), sent.bytes


def fsdp1(rank: int, world: int) -> Any:
    model = FullyShardedDataParallel(whole(), use_orig_params=True, device_id=torch.device("cpu"))
    return iw.digest(model), _said(model, group=False) != iw.digest(model)


def fsdp1_in_replicas(rank: int, world: int) -> Any:
    """Pairs of ranks that hold the model each; then one of them holds something else."""
    mesh = init_device_mesh("cpu", (world // 2, 2), mesh_dim_names=("replicas", "shards"))
    options: dict[str, Any] = {"sharding_strategy": ShardingStrategy.HYBRID_SHARD, "device_id": torch.device("cpu")}
    model = FullyShardedDataParallel(whole(), device_mesh=mesh, use_orig_params=True, **options)
    with _Sent() as sent:
        equal = iw.digest(model)
    with torch.no_grad():
        next(each for each in model.parameters() if each.numel()).view(-1)[0] += float(rank == world - 1)
    alone = _said(model, agree=False)
    return equal, sent.bytes, _said(model), alone == equal


def plain_and_wrapped(rank: int, world: int) -> Any:
    wrapped = nn.parallel.DistributedDataParallel(whole())
    with _Sent() as sent:
        return iw.digest(whole()), iw.digest(wrapped, buffers=True), sent.bytes


def replicas(rank: int, world: int) -> Any:
    """Equal replicas beside plain parameters, then one that differs on the last rank, then a plain one that does."""
    mesh = init_device_mesh("cpu", (world,))
    model = whole()
    model.last.weight = nn.Parameter(distribute_tensor(model.last.weight, mesh, [Replicate()]))
    equal, before = iw.digest(model), model.last.weight.to_local()[0, 3].clone()
    with torch.no_grad():
        model.last.weight.to_local()[0, 3] += float(rank == world - 1)
    differ = _said(model), _said(model, agree=False)
    with torch.no_grad():
        model.last.weight.to_local()[0, 3] = before
        model.last.bias[0] = rank
    return equal, differ, _said(model)


def slices(rank: int, world: int) -> Any:
    """Plain tensors that hold parts: columns, rows that were cut by hand, and a flat range."""
    model, full = whole(), dict(whole().named_parameters())
    shards: dict[str, Any] = {}
    for name, axis in (("blocks.0.up.weight", 1), ("blocks.1.down.weight", 0)):
        low, high = (size * full[name].shape[axis] // world for size in (rank, rank + 1))
        _set(model, name, full[name].detach().narrow(axis, low, high - low).contiguous())
        shards[name] = Slice(full[name].shape, [low if each == axis else 0 for each in range(2)])
    flat = full["blocks.0.down.weight"].detach().reshape(-1)
    low, high = 100 * rank, flat.numel() if rank == world - 1 else 100 * (rank + 1)
    _set(model, "blocks.0.down.weight", flat[low:high].clone())
    shards["blocks.0.down.weight"] = FlatRange(full["blocks.0.down.weight"].shape, low)
    parts: list[Any] = [None] * world
    only = nn.ModuleDict({"a": nn.Linear(1, 1)})
    dist.all_gather_object(parts, _described_alone(only, rank, world))
    again = dict(shards) | {"last.weight": Slice((1, 30))}
    return (
        iw.digest(model, shards=shards),
        combined(*parts),
        _said(model, shards=again),
        _said(model, shards=shards | {"nobody": Slice((1,))} if rank == 0 else shards),
    )


def _described_alone(model: Any, rank: int, world: int) -> str:
    """The digest of what this rank alone holds of a matrix of (4, 6) and a bias of which rank 0 has all."""
    full = torch.arange(24.0).view(4, 6)
    low, high = 4 * rank // world, 4 * (rank + 1) // world
    model["a"].weight = nn.Parameter(full[low:high].clone())
    model["a"].bias = nn.Parameter(torch.ones(4 if rank == 0 else 0))
    return iw.digest(model, shards={"a.weight": Slice((4, 6), (low, 0)), "a.bias": FlatRange((4,), 0)}, group=False)


def alone() -> nn.Module:
    """What the ranks of `_described_alone` hold together."""
    model = nn.ModuleDict({"a": nn.Linear(6, 4)})
    model["a"].weight = nn.Parameter(torch.arange(24.0).view(4, 6))
    model["a"].bias = nn.Parameter(torch.ones(4))
    return model


def _set(model: nn.Module, name: str, tensor: torch.Tensor) -> None:
    owner, _, attribute = name.rpartition(".")
    setattr(model.get_submodule(owner), attribute, nn.Parameter(tensor))


def outside(rank: int, world: int) -> Any:
    """A mesh without the last rank."""
    mesh = DeviceMesh("cpu", list(range(world - 1)))
    model = whole()
    model.emb.weight = nn.Parameter(distribute_tensor(model.emb.weight, mesh, [Shard(0)]))
    model.head.weight = model.emb.weight
    return _said(model), _said(model, group=dist.group.WORLD)


def refusals(rank: int, world: int) -> Any:
    """What one rank cannot do, all are told."""
    mesh = init_device_mesh("cpu", (world,))
    model = whole()
    partial = DTensor.from_local(model.last.weight.detach(), mesh, [Partial()])
    model.last.weight = nn.Parameter(partial, requires_grad=False)
    second = whole()
    fully_shard(second)
    if rank == 0:
        second.extra = nn.Linear(2, 2, device="meta")
    return _said(model), _said(second)


def mesh_2d(rank: int, world: int) -> Any:
    """FSDP and tensor parallel; several meshes in one model; hybrid; and tensor parallel on a part of a mesh."""
    mesh = init_device_mesh("cpu", (2, world // 2), mesh_dim_names=("dp", "tp"))
    both, mixed, hybrid, tp = (whole() for _ in range(4))
    for each in (both, mixed, tp):
        for block in each.blocks:
            parallelize_module(block, mesh["tp"], {"up": ColwiseParallel(), "down": RowwiseParallel()})
    for each, where in ((both, mesh["dp"]), (mixed, mesh["dp"]), (hybrid, mesh)):
        for block in each.blocks:
            fully_shard(block, mesh=where)
    fully_shard(both, mesh=mesh["dp"])
    fully_shard(hybrid, mesh=mesh)
    found = [iw.digest(each) for each in (both, mixed, hybrid, tp)]
    with torch.no_grad():
        hybrid.blocks[1].down.weight.to_local().view(-1)[:1] += float(rank == world - 1)
    return found, _said(hybrid), _said(tp, group=dist.group.WORLD)


TWO = [fsdp2, fsdp1, plain_and_wrapped, replicas, slices, outside, refusals]
FOUR = [fsdp2, fsdp1, fsdp1_in_replicas, replicas, slices, outside, refusals, mesh_2d]
