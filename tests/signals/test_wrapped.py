"""Models that are replicated or sharded, in one process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

import initwise as iw
from tests.signals.probing import probed

X = torch.ones(4, 8)
NAMES = ["0.weight", "0.bias", "2.weight", "2.bias"]


@pytest.fixture(autouse=True)
def _one_process() -> Iterator[None]:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)  # type: ignore[attr-defined]
    yield
    dist.destroy_process_group()


def _net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4))


def test_a_replicated_model_is_measured_under_its_own_names() -> None:
    probe = probed(DistributedDataParallel(_net()), X)
    assert list(probe.gradients) == NAMES
    assert [event.parameters for event in probe.events] == [("0.weight", "0.bias"), (), ("2.weight", "2.bias")]


def test_a_sharded_model_is_measured_and_can_be_used_afterwards() -> None:
    model, plain = _net(), probed(_net(), X)
    mesh = init_device_mesh("cpu", (1,))
    for layer in (model[0], model[2], model):
        fully_shard(layer, mesh=mesh)
    before = [parameter.to_local().clone() for parameter in model.parameters()]  # type: ignore[attr-defined]
    probe = probed(model, X)
    assert [event.parameters for event in probe.events] == [("0.weight", "0.bias"), (), ("2.weight", "2.bias")]
    for name in NAMES:
        gradient, expected = probe.gradients[name], plain.gradients[name]
        assert gradient is not None
        assert expected is not None
        assert torch.allclose(gradient.to_local(), expected)  # type: ignore[attr-defined]
    for old, parameter in zip(before, model.parameters(), strict=True):
        assert torch.equal(old, parameter.to_local())  # type: ignore[attr-defined]
        assert parameter.grad is None
    assert not probe.still
    model(X).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_zeros_in_series_are_found_in_shards() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8, bias=False), nn.Linear(8, 4, bias=False))
    for layer in (model[1], model[2]):
        nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
    fully_shard(model, mesh=init_device_mesh("cpu", (1,)))
    probe = probed(model, X)
    assert probe.blocked == {"0.weight", "0.bias", "1.weight", "2.weight"}
    assert not any(parameter.to_local().any() for parameter in model[2].parameters())  # type: ignore[attr-defined]


def test_replicated_and_sharded_models_are_measured_as_the_plain_one() -> None:
    plain = iw.measure(_net(), X)
    sharded = _net()
    mesh = init_device_mesh("cpu", (1,))
    for layer in (sharded[0], sharded[2], sharded):
        fully_shard(layer, mesh=mesh)
    for model in (DistributedDataParallel(_net()), sharded):
        found = iw.measure(model, X)
        assert [row.key for row in found] == [row.key for row in plain]
        for row, other in zip(found, plain, strict=True):
            assert row.second_moment == pytest.approx(other.second_moment, rel=1e-5)
            assert row.grad_second_moment == pytest.approx(other.grad_second_moment, rel=1e-5)
        for name, parameter in plain.parameters.items():
            assert found.parameters[name].grad_norm == pytest.approx(parameter.grad_norm, rel=1e-5)
