from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.multiprocessing.spawn import spawn

import initwise as iw


def _network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 4))


def _data() -> torch.Tensor:
    return torch.randn(64, 12, generator=torch.Generator().manual_seed(0)) * torch.arange(64)[:, None]


def _rank(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    network = _network()
    model: Any = nn.parallel.DistributedDataParallel(network)
    half = _data()[32 * rank : 32 * rank + 32]
    plan = iw.lsuv(model, half, iw.plan(model, "kaiming"), tolerance=0.01)
    torch.save([plan.to_dict(), network.state_dict()], f"{folder}/{rank}")
    dist.destroy_process_group()


@pytest.mark.long
@pytest.mark.skipif(not dist.is_available(), reason="this torch has no torch.distributed")
def test_processes_agree_on_the_factors_of_all_their_samples(tmp_path: Path) -> None:
    spawn(_rank, (str(tmp_path),), nprocs=2)
    (one, first), (other, second) = (torch.load(tmp_path / str(rank), weights_only=False) for rank in range(2))
    assert one["parameters"][0]["initializer"] == other["parameters"][0]["initializer"]
    assert all(torch.equal(first[name], second[name]) for name in first)
    alone = _network()
    plan = iw.lsuv(alone, _data(), iw.plan(alone, "kaiming"), tolerance=0.01)
    for row in ("0.weight", "2.weight"):
        (found,) = (each["initializer"]["factor"] for each in one["parameters"] if each["name"] == row)
        assert found == pytest.approx(plan[row].initializer.factors[0], rel=1e-5)  # type: ignore[attr-defined]
