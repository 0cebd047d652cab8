"""Two real processes: data parallel and sharded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import Tensor, distributed, nn
from torch.multiprocessing.spawn import spawn

import initwise as iw
from initwise.monitoring import JsonLines
from tests.monitoring.training import batch, net
from tests.monitoring.twins import Run, twins

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not distributed.is_available(), reason="this torch was built without torch.distributed"),
]


def together(work: Callable[[int, Path], dict[str, Any]], folder: Path) -> list[Any]:
    """Run `work(rank, folder)` in two processes, and return what each wrote."""
    spawn(_one, (work, str(folder)), nprocs=2)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


def _one(rank: int, work: Callable[[int, Path], dict[str, Any]], folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    try:
        found = work(rank, Path(folder))
    finally:
        distributed.destroy_process_group()
    (Path(folder) / f"{rank}.json").write_text(json.dumps(found))


def half(rank: int) -> tuple[Tensor, Tensor]:
    inputs, labels = batch()
    return inputs[rank::2], labels[rank::2]


def run(model: nn.Module, rank: int, **options: Any) -> Run:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    inputs, labels = half(rank)

    def step() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return Run(model, step, [optimizer], options)


def seen(monitor: iw.Monitor) -> dict[str, Any]:
    frame = monitor.frames[0]
    return {
        "layers": [[row.module, row.shape[0], row.second_moment, row.grad_second_moment] for row in frame.layers],
        "parameters": {row.name: [row.grad_second_moment, row.update_ratio] for row in frame.parameters},
        "alerts": [[alert.step, str(alert.code), alert.finding.parameter] for alert in monitor.alerts],
        "notes": list(monitor.notes),
        "frames": len(monitor.frames),
    }


def replicas(rank: int, folder: Path) -> dict[str, Any]:
    """Dead units in the second process only: its inputs are moved to where a ReLU gives nothing."""

    def build() -> Run:
        model = net()
        iw.apply(model, iw.plan(model, "kaiming", seed=4))
        made = run(nn.parallel.DistributedDataParallel(model), rank)
        if rank == 1:
            model[1].register_forward_pre_hook(lambda _, given: (given[0] - 100.0,))
        return made

    twin = twins(build)
    sink = JsonLines(str(folder / "run.jsonl"))
    torch.manual_seed(11)
    again = build()
    plan = iw.plan(net(), "kaiming", seed=4)
    twin.close()
    monitor = iw.Monitor(again.model, plan, optimizer=again.optimizers, sinks=sink)
    for _ in range(3):
        with monitor.step() as step:
            step.loss = again.step()
    monitor.close()
    return seen(monitor) | {"twin": seen(twin)["parameters"]}


def test_replicas_show_reduced_gradients_under_the_models_names_and_rank_0_alone_writes(tmp_path: Path) -> None:
    first, second = together(replicas, tmp_path)
    assert first["parameters"] == second["parameters"]  # reduced: the same everywhere
    assert list(first["parameters"])[:2] == ["0.weight", "0.bias"]
    assert [row[0] for row in first["layers"]] == ["0", "1", "2", "3", "4"]
    assert [row[1] for row in first["layers"]] == [16] * 5  # of this process's samples
    assert first["layers"][0][2] != second["layers"][0][2]
    assert first["alerts"] == []  # alerts differ by rank, and nobody waits for the other
    assert second["alerts"] == [[0, "SIG501", "0.weight"]]  # once, though there are three frames
    lines = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    assert [line["frame"]["step"] for line in lines] == [0, 1, 2]  # of one process, and no alert of the other
    for rank, found in enumerate((first, second)):
        assert found["notes"][-1] == (
            f"this process is rank {rank} of 2: outputs, losses and alerts are its own; rank 0 alone writes to the"
            " sinks, and what it writes is what it saw"
        )


def gradients(rank: int, folder: Path) -> dict[str, Any]:
    def build() -> Run:
        return run(nn.parallel.DistributedDataParallel(net()), rank)

    return seen(twins(build, steps=1))


def test_the_gradients_of_replicas_are_those_of_the_whole_batch(tmp_path: Path) -> None:
    first, _ = together(gradients, tmp_path)
    torch.manual_seed(11)
    model, (inputs, labels) = net(), batch()
    F.cross_entropy(model(inputs), labels).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert first["parameters"][name][0] == pytest.approx(float(parameter.grad.square().mean()), rel=1e-3)


def shards(rank: int, folder: Path) -> dict[str, Any]:
    """A head with one output: of its bias the second process holds nothing."""
    from torch.distributed.fsdp import fully_shard

    def build() -> Run:
        model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1))
        plan = iw.plan(model, "kaiming", seed=4)
        iw.apply(model, plan)
        for index in (0, 2):
            fully_shard(model[index])
        fully_shard(model)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
        inputs, labels = half(rank)

        def step() -> Tensor:
            optimizer.zero_grad()
            loss: Tensor = (model(inputs)[:, 0] - labels).square().mean()
            loss.backward()
            optimizer.step()
            return loss.detach()

        return Run(model, step, [optimizer], {"plan": plan})

    return seen(twins(build, steps=3))


def test_of_shards_each_process_sees_its_own_and_notes_say_so(tmp_path: Path) -> None:
    first, second = together(shards, tmp_path)
    assert [row[0] for row in first["layers"]] == ["0", "1", "2", "3", "4"]
    assert all(row[3] for row in first["layers"])  # gradients arrive there as ever
    assert list(first["parameters"]) == ["0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"]
    assert first["parameters"]["2.weight"][0] != second["parameters"]["2.weight"][0]
    assert all(found["parameters"]["2.weight"][1] for found in (first, second))
    assert first["parameters"]["4.bias"][0]
    assert second["parameters"]["4.bias"] == [None, None]  # an empty shard
    assert first["alerts"] == second["alerts"] == []
    assert "the model is sharded: of parameters, the numbers are those of this process's shards" in first["notes"]
    assert any(
        note.startswith("distances of 0.weight, 0.bias, 2.weight and 3 more are from") for note in first["notes"]
    )
