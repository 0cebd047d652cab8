"""What a monitor suggests: the law that is to blame, or the learning rate, with the evidence."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import initwise as iw
from tests.monitoring.training import net, train


def test_nothing_is_suggested_before_a_step_and_where_all_is_well() -> None:
    model = net()
    plan = iw.plan(model, "auto", inputs=torch.randn(4, 8))
    iw.apply(model, plan)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    monitor = iw.Monitor(model, plan, optimizer=optimizer)
    assert not monitor.suggest()
    assert monitor.suggest().notes == ("no step was sampled yet: train a few steps first",)
    train(model, monitor, optimizer, 12)
    assert monitor.suggest().changes == ()
    assert "Nothing speaks for a change" in str(monitor.suggest())


def test_of_a_chain_that_fades_the_laws_of_auto_are_suggested_as_rules_and_as_a_plan() -> None:
    model = nn.Sequential(*(layer for _ in range(8) for layer in (nn.Linear(64, 64), nn.ReLU())), nn.Linear(64, 3))
    model[0] = nn.Linear(8, 64)
    plan = iw.plan(model, [iw.rule("*.weight", iw.Normal(std=0.05)), iw.rule("*.bias", iw.Zeros())])
    iw.apply(model, plan)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    monitor = iw.Monitor(model, plan, optimizer=optimizer)
    train(model, monitor, optimizer, 2)
    suggested = monitor.suggest()
    assert [change.parameter for change in suggested.changes if change.parameter][:2] == ["0.weight", "2.weight"]
    assert "the second moment shrinks" in suggested.changes[0].evidence
    assert suggested.plan is not None
    assert suggested.plan["4.weight"].law.std == pytest.approx((2 / 64) ** 0.5, rel=0.05)  # type: ignore[union-attr]
    assert suggested.plan["4.bias"] == plan["4.bias"]
    again = iw.plan(model, [*suggested.rules, iw.rule("*", iw.Zeros())])
    assert again["4.weight"].law == suggested.plan["4.weight"].law
    iw.apply(model, suggested.plan)
    assert iw.verify(model, suggested.plan).ok
    other = torch.optim.SGD(model.parameters(), lr=0.01)
    monitor.close()
    second = iw.Monitor(model, suggested.plan, optimizer=other)
    train(model, second, other, 2)
    assert {change.parameter for change in second.suggest().changes} <= {"16.weight", ""}  # not those again


def test_without_a_plan_rules_are_suggested() -> None:
    model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
    with torch.no_grad():
        model.get_parameter("4.weight").mul_(200)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    monitor = iw.Monitor(model, optimizer=optimizer)
    train(model, monitor, optimizer)
    suggested = monitor.suggest()
    assert suggested.plan is None
    assert [change.parameter for change in suggested.changes] == ["4.weight"]
    assert "the output of 4 has the second moment" in suggested.changes[0].evidence


def test_updates_that_are_large_everywhere_speak_for_a_lower_learning_rate() -> None:
    model = net()
    plan = iw.plan(model, "auto", inputs=torch.randn(4, 8))
    iw.apply(model, plan)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    monitor = iw.Monitor(model, plan, optimizer=optimizer)
    train(model, monitor, optimizer, 8)
    suggested = monitor.suggest()
    assert suggested.rate < 0.5
    change = suggested.changes[-1]
    assert (change.kind, change.old) == ("learning rate", "0.03")
    assert "the median of |update| / |weight| over matrices is" in str(change)


def test_a_run_that_began_well_and_broke_is_told_a_tenth_of_the_learning_rate() -> None:
    model = net()
    plan = iw.plan(model, "auto", inputs=torch.randn(4, 8))
    iw.apply(model, plan)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    monitor = iw.Monitor(model, plan, optimizer=optimizer)
    train(model, monitor, optimizer, 4, lambda index, loss: loss * float("inf") if index == 3 else loss)
    suggested = monitor.suggest()
    assert suggested.rate == 0.1
    assert "step 3: " in suggested.changes[-1].evidence


def test_the_report_is_markdown_with_alerts_and_suggestions() -> None:
    model = net()
    optimizer = torch.optim.SGD(list(model.parameters())[:4], lr=0.01)
    monitor = iw.Monitor(model, optimizer=optimizer)
    train(model, monitor, optimizer, 3)
    page = monitor.report()
    assert page.startswith("# Training of Sequential\n\n3 steps, 3 of them looked at.")
    assert "- **TRN903** warning, step 0, 4.weight (and 1 more): it is trainable, and in none" in page
    assert "| 0.weight | " in page
    assert "## Layers in step 2" in page


def test_where_no_signal_comes_through_laws_are_suggested_and_not_a_learning_rate() -> None:
    model = nn.Sequential(*(layer for _ in range(6) for layer in (nn.Linear(64, 64), nn.ReLU())), nn.Linear(64, 3))
    model[0] = nn.Linear(8, 64)
    rules = [iw.rule(nn.Linear, weight=iw.Normal(std=0.05), bias=iw.Zeros()), iw.rule("4.bias", iw.Constant(-3.0))]
    plan = iw.plan(model, rules)
    iw.apply(model, plan)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    monitor = iw.Monitor(model, plan, optimizer=optimizer)
    train(model, monitor, optimizer, 6)
    suggested = monitor.suggest()
    assert suggested.rate == 1.0
    assert {"4.weight", "4.bias"} <= {change.parameter for change in suggested.changes}
