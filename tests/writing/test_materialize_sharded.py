"""`materialize` in two real processes: before and after `fully_shard`, uneven shards, buffers, training."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

import initwise as iw
from tests.writing.eager import on_meta, tensors

WORLD = 2


class Rotary(nn.Module):
    """A buffer, and a frozen table of which each rank holds a part."""

    def __init__(self, dim: int, base: float) -> None:
        super().__init__()
        self.dim = dim
        self.base = base
        self.register_buffer("inv_freq", base ** -(torch.arange(0, dim, 2) / dim), persistent=False)
        self.table = nn.Parameter(torch.arange(dim).cos(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        shift: Any = self.inv_freq
        shifted: Tensor = x * self.table + shift.sum()
        return shifted


class Net(nn.Module):
    """Sizes that two ranks do not share evenly, one that one rank has nothing of, a tie."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 7, padding_idx=3)
        self.rotary = Rotary(7, 500.0)
        self.layers = nn.ModuleList(nn.Sequential(nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 7)) for _ in range(2))
        self.scale = nn.Linear(7, 1)
        self.head = nn.Linear(7, 11, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x: Tensor = self.rotary(self.embedding(tokens))
        for layer in self.layers:
            x = x + layer(x)
        logits: Tensor = self.head(x * self.scale(x))
        return logits


def _shard(model: Any) -> None:
    from torch.distributed.fsdp import fully_shard

    for layer in model.layers:
        fully_shard(layer)
    fully_shard(model)


def _whole(tensor: Any) -> Tensor:
    found: Tensor = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
    return found.detach()


def _run(rank: int, port: int) -> None:
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR="localhost", MASTER_PORT=str(port), RANK=str(rank), WORLD_SIZE=str(WORLD))
    dist.init_process_group("gloo", timeout=timedelta(seconds=60))
    try:
        _scenarios(rank)
    finally:
        dist.destroy_process_group()


def _scenarios(rank: int) -> None:
    eager = Net()
    plan = iw.plan(eager, "torch-default", seed=4)
    iw.apply(eager, plan)
    expected = {name: tensor.detach().clone() for name, tensor in tensors(eager).items()}
    tokens = torch.arange(22).reshape(2, 11) % 11
    eager(tokens).square().mean().backward()

    after: Any = on_meta(Net)
    _shard(after)
    before: Any = on_meta(Net)
    iw.materialize(before, iw.plan(before, "torch-default", seed=4))
    _shard(before)
    objects = {name: id(tensor) for name, tensor in tensors(after).items()}
    iw.materialize(after, iw.plan(after, "torch-default", seed=4))
    assert {name: id(tensor) for name, tensor in tensors(after).items()} == objects
    for model in (before, after):
        for name, tensor in tensors(model).items():
            assert torch.equal(_whole(tensor), expected[name]), name
        assert model.head.weight is model.embedding.weight
        _trains(model, eager, tokens)
    _disagreement(rank)
    _problems_of_one(rank)


def _trains(model: Any, eager: nn.Module, tokens: Tensor) -> None:
    """Its gradients are those of the eager model: what `fully_shard` gathers is what was written."""
    model(tokens).square().mean().backward()
    for name, parameter in eager.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(_whole(model.get_parameter(name).grad), parameter.grad)


def _disagreement(rank: int) -> None:
    model = on_meta(Net)
    _shard(model)
    with pytest.raises(iw.ApplyError, match=r"materialize: .*\n.*plans with different seeds"):
        iw.materialize(model, iw.plan(model, "torch-default", seed=rank))
    assert all(tensor.is_meta for tensor in tensors(model).values())


def _problems_of_one(rank: int) -> None:
    """A rank that cannot compute a buffer says so, and no other waits for it."""
    model: Any = on_meta(Net)
    if rank == 1:
        model.rotary.register_buffer("extra", torch.empty(3, device="meta"))
    plan = iw.plan(model, "torch-default")
    _shard(model)
    said = r"'rotary.extra' \(buffer" if rank == 1 else r"rank 1 found problems and said so there"
    with pytest.raises(iw.ApplyError, match=said):
        iw.materialize(model, plan)
    assert all(tensor.is_meta for tensor in tensors(model).values())


def test_two_ranks_give_memory_to_their_shards_and_hold_what_one_process_has() -> None:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    spawn(_run, (port,), nprocs=WORLD)
