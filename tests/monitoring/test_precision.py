"""Mixed precision: the same bits as unwatched, gradients unscaled, skipped steps known as such."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import Tensor

import initwise as iw
from tests.monitoring.training import batch, net
from tests.monitoring.twins import Run, twins


def scaled(*, fused: bool = False, overflow_in: int = -1, told: bool = True, dtype: torch.dtype = torch.float16) -> Run:
    """Autocast and a scaler that doubles its scale after every step; in one step the scaled loss overflows."""
    model, (inputs, labels) = net(), batch()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**15, growth_interval=1)
    index = -1

    def step() -> Tensor:
        nonlocal index
        index += 1
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=dtype):
            loss = F.cross_entropy(model(inputs), labels)
        scaler.scale(loss * (1e30 if index == overflow_in else 1.0)).backward()
        scaler.step(optimizer)
        scaler.update()
        return loss.detach()

    return Run(model, step, [optimizer], {"scaler": scaler} if told else {})


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("told", [True, False])
def test_a_step_that_the_scaler_skips_is_known_and_no_alert(fused: bool, told: bool) -> None:
    monitor = twins(lambda: scaled(fused=fused, overflow_in=2, told=told), steps=5)
    assert [frame.skipped for frame in monitor.frames] == [False, False, True, False, False]
    assert monitor.alerts == ()
    assert monitor.flight is None
    assert {row.update_ratio for row in monitor.frames[2].parameters} <= {0.0, None}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("fused", [False, True])
def test_gradients_are_unscaled_though_the_scale_changes_at_the_end_of_each_step(dtype: Any, fused: bool) -> None:
    """Held against a run without a scaler; only rounding differs."""

    def bare() -> Run:
        model, (inputs, labels) = net(), batch()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

        def step() -> Tensor:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
            return loss.detach()

        return Run(model, step, [optimizer])

    seen, expected = twins(lambda: scaled(fused=fused, dtype=dtype), steps=3), twins(bare, steps=3)
    for one, other in zip(seen.frames, expected.frames, strict=True):
        for layer, truth in zip(one.layers, other.layers, strict=True):
            assert layer.grad_second_moment == pytest.approx(truth.grad_second_moment, rel=0.1)
        for parameter, right in zip(one.parameters, other.parameters, strict=True):
            assert parameter.grad_second_moment == pytest.approx(right.grad_second_moment, rel=0.1)


def test_bfloat16_autocast_without_a_scaler_is_the_same_to_the_last_bit() -> None:
    def build() -> Run:
        model, (inputs, labels) = net(), batch()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        def step() -> Tensor:
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
            return loss.detach()

        return Run(model, step, [optimizer])

    monitor = twins(build)
    assert all(row.second_moment and row.grad_second_moment for row in monitor.frames[0].layers)


def test_weights_in_bfloat16_are_measured_in_float32() -> None:
    def build() -> Run:
        model, (inputs, labels) = net().bfloat16(), batch()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        def step() -> Tensor:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs.bfloat16()), labels)
            loss.backward()
            optimizer.step()
            return loss.detach()

        return Run(model, step, [optimizer])

    monitor = twins(build)
    weight = monitor._model.get_parameter("2.weight").detach().float()
    last = next(row for row in monitor.frames[-1].parameters if row.name == "2.weight")
    assert last.rms == pytest.approx(float(weight.square().mean().sqrt()), rel=1e-2)


def test_a_micro_batch_without_a_step_is_not_taken_for_a_skipped_one() -> None:
    """Its gradients are still scaled, and are shown unscaled."""
    found = []
    for scale in (1.0, 4096.0):
        torch.manual_seed(3)
        model, (inputs, labels) = net(), batch()
        scaler = torch.amp.GradScaler("cpu", init_scale=scale)

        monitor = iw.Monitor(model, scaler=scaler)
        with monitor.step():
            scaler.scale(F.cross_entropy(model(inputs), labels)).backward()
        assert not monitor.frames[0].skipped
        found.append([row.grad_second_moment for row in monitor.frames[0].parameters])
    assert found[1] == pytest.approx(found[0], rel=1e-4)
