"""Models that are replicated or sharded, in one process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

import initwise as iw
from initwise.signals import ProbeError, _restored
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


class Scaled(nn.Module):
    """A model whose class wants an argument, sharded by layer; it fails on fewer than two samples."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.first, self.last, self.scale = nn.Linear(8, 8), nn.Linear(8, 4), scale
        for layer in (self.first, self.last, self):
            fully_shard(layer, mesh=init_device_mesh("cpu", (1,)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.first(x)
        if len(x) < 2:
            raise ValueError("no")
        out: torch.Tensor = self.last(hidden) * self.scale
        return out


def _is_usable(model: nn.Module) -> bool:
    """Tell whether its parameters are shards, and a step of training gives each of them a gradient."""
    shards = all(hasattr(each, "to_local") for each in model.parameters())
    model(X).sum().backward()
    return shards and all(each.grad is not None for each in model.parameters())


def test_a_sharded_model_whose_class_wants_arguments_is_measured_and_can_be_used_afterwards() -> None:
    model = Scaled(2.0)
    assert len(iw.measure(model, X)) == 3
    assert _is_usable(model)


@pytest.mark.parametrize(
    "change", [{"inputs": X[:1]}, {"loss": lambda out: out.detach().sum()}, {"loss": lambda out: torch.ones(1)}]
)
def test_a_sharded_model_can_be_used_after_a_pass_that_did_not_come_back(change: dict[str, Any]) -> None:
    model = Scaled(2.0)
    with pytest.raises(iw.errors.InitwiseError):
        iw.measure(model, **{"inputs": X, **change})
    assert _is_usable(model)


def test_jacobians_of_sharded_models_are_refused() -> None:
    with pytest.raises(iw.ArgumentError, match="jacobian takes products with whole weights, and the model is sharded"):
        iw.measure(Scaled(2.0), X, jacobian="first")


def test_what_was_not_restored_of_shards_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    class Moving(Scaled):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.get_buffer("steps").add_(1)
            return super().forward(x)

    model = Moving(2.0)
    model.register_buffer("steps", torch.zeros(()))
    iw.measure(model, X)
    monkeypatch.setattr(_restored, "_values", lambda _: lambda: None)
    with pytest.raises(ProbeError, match="were not restored, by a fault of initwise"):
        iw.measure(model, X)
