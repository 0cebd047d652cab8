"""What does not fit together is refused, with words that say what to do."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import initwise as iw
from initwise.monitoring import Every, Logarithmic, lightning_callback, transformers_callback
from tests.monitoring.training import hooks, net, train


def test_a_model_has_one_monitor_until_it_is_closed() -> None:
    model = net()
    monitor = iw.Monitor(model)
    with pytest.raises(iw.ArgumentError, match=r"this model is watched by another monitor already.*monitor\.close\(\)"):
        iw.Monitor(model)
    with pytest.raises(iw.ArgumentError, match="a part of this model"):
        iw.Monitor(nn.ModuleList([model]))
    monitor.close()
    iw.Monitor(model)
    with pytest.raises(iw.ArgumentError, match="the monitor was closed; make a new one"):
        monitor.before()


def test_a_part_of_a_model_that_is_watched_is_refused_another_monitor() -> None:
    part = net()
    whole = nn.ModuleList([part])
    monitor = iw.Monitor(whole)
    with pytest.raises(iw.ArgumentError, match="a model that holds this one is watched by another monitor already"):
        iw.Monitor(part)
    monitor.close()
    iw.Monitor(part)


def test_a_monitor_that_is_closed_again_leaves_the_next_one_alone() -> None:
    model = net()
    first = iw.Monitor(model)
    first.close()
    second = iw.Monitor(model)
    first.close()
    with pytest.raises(iw.ArgumentError, match="this model is watched by another monitor already"):
        iw.Monitor(model)
    second.close()


def test_a_monitor_that_was_refused_or_is_forgotten_holds_no_model() -> None:
    model = net()
    with pytest.raises(iw.ArgumentError, match="the plan is for another model"):
        iw.Monitor(model, iw.plan(net(32), "kaiming"))
    iw.Monitor(model)  # let go at once
    iw.Monitor(model)


def test_a_closed_monitor_still_tells_what_it_saw_and_takes_no_step() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    monitor = iw.Monitor(model, optimizer=optimizer)
    train(model, monitor, optimizer, 2)
    monitor.before()
    monitor.close()  # within a step: its hooks go, and it is not counted
    assert hooks(model) == 0
    with pytest.raises(iw.ArgumentError, match=r"Monitor\.after: no step is open"):
        monitor.after()
    with pytest.raises(iw.ArgumentError, match="the monitor was closed; make a new one"), monitor.step():
        pass
    assert (monitor.steps, len(monitor.frames)) == (2, 2)
    assert "2 steps, 2 of them looked at" in monitor.report()
    assert not monitor.suggest().plan


def test_an_optimizer_of_another_model_is_refused() -> None:
    with pytest.raises(
        iw.ArgumentError, match="the optimizer holds 6 parameters, and none of them is one of the model"
    ):
        iw.Monitor(net(), optimizer=torch.optim.SGD(net().parameters(), lr=0.1))


def test_a_plan_for_another_model_is_refused() -> None:
    with pytest.raises(iw.ArgumentError, match=r"the plan is for another model: '0.weight' was planned with shape"):
        iw.Monitor(net(32), iw.plan(net(64), "kaiming"))
    with pytest.raises(iw.ArgumentError, match=r"'4.weight' is planned, and the model has no such parameter"):
        iw.Monitor(net()[:2], iw.plan(net(), "kaiming"))


def test_a_monitor_of_a_copy_is_found_in_the_first_step() -> None:
    model, other = net(), net()
    monitor = iw.Monitor(other)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(iw.ArgumentError, match=r"nothing of this Sequential ran.*another model is trained"):
        train(model, monitor, optimizer)


def test_a_trainer_of_another_model_is_refused() -> None:
    monitor = iw.Monitor(net())
    with pytest.raises(iw.ArgumentError, match="shares no parameter with it"):
        monitor.check(net())


def test_steps_begin_and_end_in_turns() -> None:
    monitor = iw.Monitor(net(), schedule=lambda step: step > 0)
    with pytest.raises(iw.ArgumentError, match=r"no step is open; call monitor\.before\(\)"):
        monitor.after()
    monitor.before()
    with pytest.raises(iw.ArgumentError, match="step 0 is still open"):
        monitor.before()
    with pytest.raises(iw.ArgumentError, match=r"loss is a tensor of shape \(2,\)"):
        monitor.after(torch.zeros(2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"schedule": "often"}, "schedule is 'often' of type str"),
        ({"schedule": 0}, "schedule is 0, and must be at least 1"),
        ({"optimizer": "sgd"}, "optimizer is 's' of type str"),
        ({"sinks": "run.jsonl"}, "sinks holds 'r' of type str; give monitoring.JsonLines"),
        ({"flight": "never"}, "flight is 'never', and must be one of 'sampled', 'always'"),
        ({"history": 1}, "history is 1, and must be at least 2"),
        ({"plan": 3}, "plan is 3 of type int"),
    ],
)
def test_an_argument_of_a_wrong_kind_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(iw.ArgumentError, match=message):
        iw.Monitor(net(), **arguments)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(iw.ArgumentError, match="model is 3 of type int"):
        iw.Monitor(3)  # type: ignore[arg-type]
    with pytest.raises(iw.ArgumentError, match="monitor is 3"):
        lightning_callback(3)  # type: ignore[arg-type]
    with pytest.raises(iw.ArgumentError, match="monitor is 3"):
        transformers_callback(3)  # type: ignore[arg-type]


def test_the_default_schedule_is_dense_at_first_and_then_logarithmic() -> None:
    steps = [step for step in range(1000) if Logarithmic()(step)]
    assert steps[:12] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13]
    assert len(steps) == 34
    assert Logarithmic()(1000)
    assert Logarithmic()(10**6)
    assert not Logarithmic(dense=0)(1)
    assert Logarithmic(dense=0)(0)


def test_a_number_is_a_schedule() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    monitor = iw.Monitor(model, schedule=4, optimizer=optimizer)
    train(model, monitor, optimizer, 10)
    assert [frame.step for frame in monitor.frames] == [0, 4, 8]
    with pytest.raises(iw.ArgumentError, match="interval is 0, and must be at least 1"):
        Every(0)


def test_of_too_many_frames_older_ones_go_and_the_first_stays() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    monitor = iw.Monitor(model, schedule=1, optimizer=optimizer, history=6)
    train(model, monitor, optimizer, 20)
    kept = [frame.step for frame in monitor.frames]
    assert kept[0] == 0
    assert kept[-3:] == [17, 18, 19]
    assert len(kept) <= 6
