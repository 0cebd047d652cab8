"""What a sampled step shows, held against the same numbers by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import nn

import initwise as iw
from tests.monitoring.training import Functional, batch, hooks, net, train


def sgd(model: nn.Module, rate: float = 0.1) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), lr=rate)


def test_a_frame_holds_the_moments_of_outputs_and_gradients() -> None:
    torch.manual_seed(1)
    model = net()
    inputs, labels = batch()
    hidden = model[0](inputs)
    hidden.retain_grad()
    F.cross_entropy(model[1:](hidden), labels).backward()
    model.zero_grad()
    monitor = iw.Monitor(model)
    train(model, monitor, sgd(model))
    row = monitor.frames[0].layers[0]
    assert hidden.grad is not None
    assert (row.module, row.operation, row.shape) == ("0", "Linear", (32, 64))
    assert row.mean == pytest.approx(float(hidden.detach().mean()), rel=1e-4, abs=1e-6)
    assert row.second_moment == pytest.approx(float(hidden.detach().square().mean()), rel=1e-5)
    assert row.peak == pytest.approx(float(hidden.detach().abs().max()))
    assert row.low == pytest.approx(float(hidden.detach().abs().min()))
    assert row.grad_second_moment == pytest.approx(float(hidden.grad.square().mean()), rel=1e-4)
    assert row.effective_rank is not None
    assert 4 < row.effective_rank <= 8


def test_parameters_show_gradient_update_ratio_and_distance_from_the_plan() -> None:
    model = net()
    plan = iw.plan(model, "kaiming", seed=3)
    iw.apply(model, plan)
    first = model.get_parameter("2.weight").detach().clone()
    optimizer = sgd(model)
    monitor = iw.Monitor(model, plan, optimizer=optimizer)
    train(model, monitor, optimizer)
    row = next(each for each in monitor.frames[0].parameters if each.name == "2.weight")
    gradient, moved = model.get_parameter("2.weight").grad, model.get_parameter("2.weight").detach() - first
    assert gradient is not None
    assert row.grad_second_moment == pytest.approx(float(gradient.square().mean()), rel=1e-4)
    assert row.update_ratio == pytest.approx(float(moved.norm() / first.norm()), rel=1e-4)
    assert row.distance == pytest.approx(row.update_ratio)
    train(model, monitor, optimizer)
    later = next(each for each in monitor.frames[1].parameters if each.name == "2.weight")
    assert later.distance == pytest.approx(
        float((model.get_parameter("2.weight").detach() - first).norm() / first.norm()), rel=1e-4
    )


def test_a_resumed_run_knows_its_initialization_from_the_plan() -> None:
    model = net()
    plan = iw.plan(model, "kaiming", seed=3)
    iw.apply(model, plan)
    first = model.get_parameter("0.weight").detach().clone()
    with torch.no_grad():
        model.get_parameter("0.weight").mul_(1.5)
    optimizer = sgd(model, 0.0)
    monitor = iw.Monitor(model, plan, optimizer=optimizer)
    train(model, monitor, optimizer)
    assert monitor.frames[0].parameters[0].distance == pytest.approx(0.5, rel=1e-5)
    assert monitor.notes == (
        "5 of 6 parameters held the plan's values when the monitor was made: the others had been trained or written"
        " since",
    )
    assert not torch.equal(first, model.get_parameter("0.weight").detach())


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_layout_in_memory_does_not_matter(layout: torch.memory_format) -> None:
    model = nn.Sequential(nn.Conv2d(16, 64, 5, padding=2), nn.ReLU(), nn.Flatten(), nn.Linear(64 * 16, 3))
    plan = iw.plan(model, "kaiming", seed=1)
    iw.apply(model, plan)
    model.to(memory_format=layout)  # type: ignore[call-overload]
    monitor = iw.Monitor(model, plan)
    assert "1 of" not in "".join(monitor.notes)
    assert monitor.notes == ()


def test_functions_that_activate_units_are_seen_as_modules_are() -> None:
    model = Functional()
    with torch.no_grad():
        model.one.bias[:24] = -100.0
        model.two.weight.mul_(1e4)
    optimizer = sgd(model, 0.0)
    monitor = iw.Monitor(model, optimizer=optimizer)
    train(model, monitor, optimizer)
    rows = {row.operation: row for row in monitor.frames[0].layers}
    assert list(rows) == ["Linear", "relu_", "tanh"] or list(rows) == ["Linear", "relu", "tanh"]
    relu = next(row for name, row in rows.items() if name.startswith("relu"))
    assert (relu.units, relu.dead, relu.feeder) == (32, 0.75, "one")
    assert rows["tanh"].saturated is not None
    assert rows["tanh"].saturated > 0.9


def test_modules_that_activate_units_have_their_shares_in_their_own_rows() -> None:
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(8 * 36, 3), nn.Sigmoid())
    with torch.no_grad():
        model.get_parameter("0.bias")[:2] = -100.0
    optimizer = sgd(model, 0.0)
    monitor = iw.Monitor(model, optimizer=optimizer)
    with monitor.step():
        model(torch.randn(4, 1, 8, 8)).sum().backward()
        optimizer.step()
    rows = {row.module: row for row in monitor.frames[0].layers}
    assert (rows["1"].operation, rows["1"].units, rows["1"].dead) == ("ReLU", 8, 0.25)
    assert rows["4"].saturated == 0.0
    assert rows["1"].feeder == "0"


def test_nothing_is_left_behind_after_a_step() -> None:
    model = net()
    optimizer = sgd(model)
    monitor = iw.Monitor(model, optimizer=optimizer, flight="always")
    train(model, monitor, optimizer, 12)
    assert hooks(model) == 0
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks
    assert [each.light for each in monitor._record.history.all] == [False] * 7 + [True]


def test_nothing_is_left_behind_where_a_step_raises_and_it_is_not_counted() -> None:
    model = net()
    optimizer = sgd(model)
    monitor = iw.Monitor(model, optimizer=optimizer)
    with pytest.raises(RuntimeError, match="shapes"), monitor.step():
        model(torch.randn(2, 7))
    assert hooks(model) == 0
    assert not optimizer._optimizer_step_pre_hooks
    train(model, monitor, optimizer)
    assert (monitor.steps, len(monitor.frames[0].layers)) == (1, 5)
    assert torch.overrides._get_current_function_mode() is None


def test_watching_changes_no_bit_of_training() -> None:
    found = []
    for watched in (False, True):
        torch.manual_seed(5)
        model = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 3))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        inputs, labels = batch()
        monitor = iw.Monitor(model, schedule=1, optimizer=optimizer) if watched else None
        for _ in range(3):
            if monitor is not None:
                monitor.before()
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
            if monitor is not None:
                monitor.after(loss)
        found.append((iw.digest(model), torch.get_rng_state().sum()))
    assert found[0] == found[1]


def test_of_accumulated_gradients_the_sum_is_shown_and_of_layers_the_first_batch() -> None:
    model = net()
    optimizer = sgd(model)
    monitor = iw.Monitor(model, optimizer=optimizer)
    inputs, labels = batch()
    with monitor.step():
        for part in (0, 1):
            F.cross_entropy(model(inputs[part::2] * (1 + part)), labels[part::2]).backward()
        optimizer.step()
    frame = monitor.frames[0]
    gradient = model.get_parameter("0.weight").grad
    assert gradient is not None
    assert [(row.module, row.call) for row in frame.layers] == [("0", 0), ("1", 0), ("2", 0), ("3", 0), ("4", 0)]
    assert frame.layers[0].shape == (16, 64)
    assert frame.parameters[0].grad_second_moment == pytest.approx(float(gradient.square().mean()), rel=1e-4)


def test_passes_without_gradients_are_not_looked_at() -> None:
    model = net()
    optimizer = sgd(model)
    monitor = iw.Monitor(model, optimizer=optimizer)
    with monitor.step() as step:
        with torch.no_grad():
            model(torch.full((4, 8), 1e6))
        inputs, labels = batch()
        step.loss = F.cross_entropy(model(inputs), labels)
        step.loss.backward()
        optimizer.step()
    assert [row.shape[0] for row in monitor.frames[0].layers] == [32] * 5


def test_under_autocast_and_a_scaler_gradients_are_unscaled() -> None:
    found = []
    for scale in (1.0, 1024.0):
        torch.manual_seed(2)
        model = net()
        optimizer = sgd(model)
        scaler = torch.amp.GradScaler("cpu", init_scale=scale)
        monitor = iw.Monitor(model, optimizer=optimizer, scaler=scaler)
        inputs, labels = batch()
        with monitor.step():
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = F.cross_entropy(model(inputs), labels)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        frame = monitor.frames[0]
        assert not frame.skipped
        found.append((frame.layers[0].grad_second_moment, frame.parameters[0].grad_second_moment))
    assert found[0] == pytest.approx(found[1], rel=1e-2)


def test_a_step_that_the_scaler_skips_is_no_alert() -> None:
    model = net()
    optimizer = sgd(model)
    scaler = torch.amp.GradScaler("cpu", init_scale=1e38)
    monitor = iw.Monitor(model, optimizer=optimizer, scaler=scaler)
    inputs, labels = batch()
    with monitor.step() as step:
        step.loss = F.cross_entropy(model(inputs), labels) * 1e3
        scaler.scale(step.loss).backward()
        scaler.step(optimizer)
        scaler.update()
    assert monitor.frames[0].skipped
    assert monitor.alerts == ()


def test_what_checkpoints_compute_again_is_not_counted() -> None:
    from torch.utils.checkpoint import checkpoint

    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = nn.Sequential(nn.Linear(8, 16), nn.ReLU()), nn.Linear(16, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.head(checkpoint(self.body, x, use_reentrant=False))
            return out

    model = Checkpointed()
    optimizer = sgd(model)
    monitor = iw.Monitor(model, optimizer=optimizer)
    train(model, monitor, optimizer)
    rows = monitor.frames[0].layers
    assert [row.module for row in rows] == ["body.0", "body.1", "head"]
    assert all(row.grad_second_moment for row in rows)


def test_a_compiled_model_says_what_is_not_seen_and_shows_its_parameters() -> None:
    model = net()
    compiled: Any = torch.compile(model, backend="eager")
    optimizer = sgd(model)
    monitor = iw.Monitor(compiled, optimizer=optimizer)
    assert monitor.notes[0].startswith("the model is compiled: what happens inside is not seen")
    train(compiled, monitor, optimizer)
    frame = monitor.frames[0]
    assert [row.module for row in frame.layers] == [""]
    assert [row.name for row in frame.parameters][:2] == ["0.weight", "0.bias"]
    assert all(row.update_ratio for row in frame.parameters if row.name.endswith("weight"))


def test_a_model_in_ddp_has_the_names_of_the_model_itself(tmp_path: object) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        model = nn.parallel.DistributedDataParallel(net())
        optimizer = sgd(model)
        monitor = iw.Monitor(model, iw.plan(model, "kaiming"), optimizer=optimizer)
        train(model, monitor, optimizer, 2)
        assert [row.module for row in monitor.frames[1].layers] == ["0", "1", "2", "3", "4"]
        assert monitor.frames[1].parameters[0].name == "0.weight"
    finally:
        torch.distributed.destroy_process_group()


def test_without_an_optimizer_all_that_step_are_seen_but_those_of_other_models() -> None:
    model, other = net(), net()
    optimizer, stranger = sgd(model), sgd(other)
    monitor = iw.Monitor(model)
    inputs, labels = batch()
    with monitor.step():
        F.cross_entropy(other(inputs), labels).backward()
        stranger.step()
        F.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    frame = monitor.frames[0]
    assert all(row.why == "" for row in frame.parameters)
    assert frame.rate == 0.1
    assert math.isfinite(frame.parameters[0].update_ratio or math.nan)


def test_a_part_of_a_model_that_runs_alone_is_seen() -> None:
    model = nn.ModuleDict({"encoder": nn.Linear(8, 16), "head": nn.Linear(16, 3)})
    optimizer = sgd(model)
    monitor = iw.Monitor(model, optimizer=optimizer)
    inputs, labels = batch()
    with monitor.step():
        F.cross_entropy(model["head"](model["encoder"](inputs)), labels).backward()
        optimizer.step()
    assert [row.module for row in monitor.frames[0].layers] == ["encoder", "head"]


def test_of_a_cell_that_runs_often_the_first_calls_are_seen() -> None:
    class Loop(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.Linear(8, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for _ in range(9):
                x = self.cell(x)
            return x

    model = Loop()
    optimizer = sgd(model)
    monitor = iw.Monitor(model, optimizer=optimizer)
    train(model, monitor, optimizer)
    assert [row.call for row in monitor.frames[0].layers] == [0, 1, 2, 3]
