"""What a monitor suggests is a contender of `iw.compare`: as rules before a recipe, and as a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import initwise as iw
from initwise.comparison import from_data
from tests.monitoring.training import batch, train


def build() -> nn.Module:
    layers = [each for _ in range(6) for each in (nn.Linear(32, 32), nn.ReLU())]
    return nn.Sequential(nn.Linear(8, 32), nn.ReLU(), *layers, nn.Linear(32, 3))


@pytest.mark.long
def test_what_is_suggested_is_compared_with_what_is_there_and_wins(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build()
    now = [iw.rule("*.weight", iw.Normal(std=0.05)), iw.rule("*.bias", iw.Zeros())]
    plan = iw.plan(model, now)
    iw.apply(model, plan)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    monitor = iw.Monitor(model, plan, optimizer=optimizer)
    train(model, monitor, optimizer, 6)
    suggested = monitor.suggest()
    monitor.close()
    assert suggested.rules
    assert suggested.plan is not None
    inputs, _ = batch(192)
    points = TensorDataset(inputs, inputs[:, :3].argmax(1))
    task = from_data(build, points, points, name="points", steps=25, learning_rates=(3e-3, 1e-2))
    as_rules = [*suggested.rules, *now]
    options: dict[str, Any] = {"seeds": 8, "storage": f"{tmp_path}/points.journal", "progress": False}
    with pytest.raises(iw.ArgumentError, match="'plan' and 'rules' decide the same for every parameter"):
        iw.compare(task, {"now": plan, "plan": suggested.plan, "rules": as_rules}, **options)
    comparison = iw.compare(task, {"now": plan, "suggested": as_rules}, **options)
    contender = comparison.verdicts.of("suggested")
    assert contender is not None
    assert contender.verdict == "better"
