"""What a monitor tells: alerts with the law behind them, the record of what was not finite first."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import Tensor, nn

import initwise as iw
from tests.monitoring.training import batch, net, train


def codes(monitor: iw.Monitor) -> list[str]:
    return [alert.code for alert in monitor.alerts]


def broken(at: int) -> Any:
    return lambda index, loss: loss * float("nan") if index == at else loss


def test_sound_training_gives_no_alert() -> None:
    model = net()
    plan = iw.plan(model, "kaiming")
    iw.apply(model, plan)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    monitor = iw.Monitor(model, plan, optimizer=optimizer)
    train(model, monitor, optimizer, 40)
    assert monitor.alerts == ()
    assert monitor.flight is None


def test_dead_units_are_told_with_the_fan_that_they_were_drawn_with() -> None:
    model = net()
    rules = [
        iw.rule(nn.Linear, weight=iw.KaimingNormal(mode="fan_out"), bias=iw.Zeros()),
        iw.rule("0.bias", iw.Constant(-60.0)),
    ]
    plan = iw.plan(model, rules)
    iw.apply(model, plan)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    monitor = iw.Monitor(model, plan, optimizer=optimizer)
    train(model, monitor, optimizer)
    finding = monitor.findings[0]
    assert (finding.code, finding.parameter) == ("SIG501", "0.weight")
    assert finding.message.startswith("0.0% of 1 is alive: its weights were drawn with fan_out (KaimingNormal(mode=")
    assert finding.measured == "64 of 64 units positive for no sample"


def test_units_that_die_in_training_are_told_with_the_step_in_which_they_lived() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    monitor = iw.Monitor(model, optimizer=optimizer)
    train(model, monitor, optimizer)
    with torch.no_grad():
        model.get_parameter("0.bias").fill_(-100.0)
    train(model, monitor, optimizer)
    alert = next(each for each in monitor.alerts if each.code == "SIG501")
    assert alert.step == 1
    assert "0.0% of 1 is alive, of which 100.0% was in step 0" in alert.finding.message


def test_each_alert_is_told_once() -> None:
    model = net()
    with torch.no_grad():
        model.get_parameter("2.weight").mul_(1e4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    monitor = iw.Monitor(model, optimizer=optimizer)
    train(model, monitor, optimizer, 4)
    assert codes(monitor).count("SIG502") == 1


def test_the_first_layer_that_is_not_finite_is_named_with_the_peaks_before_it() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    monitor = iw.Monitor(model, optimizer=optimizer)
    train(model, monitor, optimizer, 3)
    with torch.no_grad():
        model.get_parameter("2.bias")[0] = 3e38
        model.get_parameter("2.weight")[0] = 3e38
    train(model, monitor, optimizer)
    assert monitor.alerts[0].code == "SIG506"
    flight = monitor.flight
    assert flight is not None
    assert (flight.step, flight.module) == (3, "2")
    assert [frame.step for frame in flight.frames] == [0, 1, 2, 3]
    lines = str(flight).splitlines()
    assert lines[0].startswith("Step 3: the output of 2 is not finite: ")
    assert [line.split()[0] for line in lines[4:7]] == ["0", "1", "2"]
    assert "inf" in lines[6] or "nan" in lines[6]


def test_a_loss_that_is_not_finite_on_a_step_between_samples_is_told_and_the_next_steps_are_looked_at() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    monitor = iw.Monitor(model, schedule=100, optimizer=optimizer)
    train(model, monitor, optimizer, 9, broken(5))
    assert codes(monitor) == ["TRN901", "SIG506"]
    assert [alert.step for alert in monitor.alerts] == [5, 6]
    assert "0.weight was not before the step: its cause lies in a step that was not looked at" in (
        monitor.findings[1].message
    )
    assert [frame.step for frame in monitor.frames] == [0, 6, 7]


def test_a_gradient_that_is_not_finite_is_told_where_all_outputs_are() -> None:
    class Root(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.layer(x) + (self.layer(x) * 0).abs().sqrt()
            return out

    model = Root()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    monitor = iw.Monitor(model, optimizer=optimizer)
    train(model, monitor, optimizer)
    assert codes(monitor) == ["TRN901"]
    assert "though all outputs of layers were" in monitor.findings[0].message


def test_the_recorder_that_is_always_on_sees_the_step_itself() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    monitor = iw.Monitor(model, schedule=100, optimizer=optimizer, flight="always")
    inputs, labels = batch()
    for index in range(8):
        with monitor.step() as step:
            optimizer.zero_grad()
            step.loss = F.cross_entropy(model(inputs * (float("inf") if index == 5 else 1.0)), labels)
            step.loss.backward()
            optimizer.step()
    assert monitor.flight is not None
    assert (monitor.flight.step, monitor.flight.module) == (5, "0")
    assert [frame.step for frame in monitor.flight.frames] == [0, 1, 2, 3, 4, 5]
    assert len(monitor.frames) == 1


def test_a_parameter_that_no_optimizer_holds_is_named() -> None:
    model = net()
    optimizer = torch.optim.SGD([*model[0].parameters(), *model[2].parameters()], lr=0.01)
    monitor = iw.Monitor(model, optimizer=optimizer)
    train(model, monitor, optimizer)
    assert [each.parameter for each in monitor.findings[0].each()] == ["4.weight", "4.bias"]
    assert monitor.findings[0].code == "TRN903"


def test_a_parameter_without_a_gradient_is_named_after_five_samples() -> None:
    class Spare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.spare = nn.Linear(8, 3), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.used(x)
            return out

    model = Spare()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    monitor = iw.Monitor(model, optimizer=optimizer)
    train(model, monitor, optimizer, 4)
    assert monitor.alerts == ()
    train(model, monitor, optimizer)
    assert [each.parameter for each in monitor.findings[0].each()] == ["spare.weight", "spare.bias"]
    assert codes(monitor) == ["GRD601"]


def test_a_large_update_of_a_parameter_that_starts_at_zero_is_no_alert() -> None:
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    plan = iw.plan(model, [iw.rule("2.weight", iw.Zeros()), "kaiming"])
    iw.apply(model, plan)
    groups: list[dict[str, Any]] = [{"params": model[2].parameters(), "lr": 0.1}, {"params": model[0].parameters()}]
    optimizer = torch.optim.Adam(groups)
    monitor = iw.Monitor(model, plan, optimizer=optimizer)
    train(model, monitor, optimizer, 3)
    assert codes(monitor) == []


@pytest.mark.parametrize("always", ["sampled", "always"])
def test_what_was_seen_is_plain_data(always: Any) -> None:
    from initwise.reporting import to_json

    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    monitor = iw.Monitor(model, optimizer=optimizer, flight=always)
    train(model, monitor, optimizer, 3, broken(2))
    assert '"code": "TRN901"' in to_json(monitor.to_dict())
