"""Nothing of a coordinate check stays: random states, models, hooks; and it gives the same twice."""

from __future__ import annotations

import json
import random
import weakref
from dataclasses import replace

import pytest
import torch
from torch import nn

import initwise as iw
from tests.signals.coordinates.checking import BATCH, mlp, sized


def test_random_states_are_put_back_and_numbers_are_the_same_again() -> None:
    torch.manual_seed(5)
    random.seed(5)
    before = torch.get_rng_state(), random.getstate()
    first = iw.coordinate_check(sized(mlp, (16, 32)), BATCH, steps=1, seeds=2)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == random.getstate()
    torch.manual_seed(6)
    second = iw.coordinate_check(sized(mlp, (16, 32)), BATCH, steps=1, seeds=2)
    assert first.records == second.records


def test_random_states_are_put_back_after_an_error() -> None:
    before = torch.get_rng_state()
    with pytest.raises(iw.InitwiseError, match="width 16"):
        iw.coordinate_check(sized(mlp, (16, 32)), torch.zeros(3, 7))
    assert torch.equal(before, torch.get_rng_state())


def test_there_are_never_two_models_at_once() -> None:
    alive: list[weakref.ref[nn.Module]] = []

    def build(width: int) -> nn.Module:
        assert not [model for model in alive if model() is not None]
        model = mlp(width)
        model.__dict__["itself"] = model  # a cycle, as some models have: nothing but the collector frees it
        alive.append(weakref.ref(model))
        return model

    iw.coordinate_check(sized(build, (16, 32)), BATCH, steps=1, seeds=2, plan="kaiming")
    assert len(alive) == 4
    assert not [model for model in alive if model() is not None]


def test_seeds_differ_and_a_plan_is_drawn_with_each() -> None:
    def decided(model: nn.Module) -> iw.Plan:
        return iw.plan(model, "kaiming", seed=77)

    for plan in (None, "kaiming", decided):
        check = iw.coordinate_check(sized(mlp, (16, 32)), BATCH, steps=1, seeds=3, plan=plan)
        slopes = check.find("2", 0, "second_moment").slopes
        assert len(set(slopes)) == 3


def test_the_result_is_plain_data_and_a_long_table() -> None:
    check = iw.coordinate_check(sized(mlp, (16, 32)), BATCH, steps=1, seeds=2, only="2")
    data = json.loads(json.dumps(check.to_dict()))
    assert data["sizes"] == [16, 32]
    assert {row["module"] for row in data["rows"]} == {"2"}
    record = check.records[0]
    assert (record.size, record.seed, record.step, record.module, record.call) == (16, 0, 0, "2", 0)
    # 2 widths x 2 seeds: x^2 at two steps, dx^2 at one, and the loss at two
    assert len(check.records) == 2 * 2 * (2 + 1 + 2)
    assert [(row.step, row.statistic) for row in check] == [(0, "second_moment"), (1, "second_moment"), (1, "update")]
    assert "step 0" in str(check)
    assert str(check.find("2", 0, "second_moment").slope)[:4] in repr(check) + str(check)


def test_a_plan_puts_its_factors_into_the_groups_of_any_optimizer() -> None:
    model = mlp(64)
    plan = iw.plan(model, iw.recipes.mup(mlp(16)))
    optimizer = torch.optim.AdamW(model.named_parameters(), lr=0.1, weight_decay=0.01)
    iw.signals.scale_groups(optimizer, model, plan)
    rates = {
        name: (group["lr"], group["weight_decay"]) for group in optimizer.param_groups for name in group["param_names"]
    }
    assert rates["2.weight"] == (0.025, 0.04)
    assert rates["0.weight"] == (0.1, 0.01)
    assert len(rates) == len(list(model.parameters()))
    twice = torch.optim.AdamW(model.named_parameters(), lr=0.1)
    iw.signals.scale_groups(twice, model, replace(plan, multipliers=(*plan.multipliers, *plan.multipliers)))
    found = {name: group["lr"] for group in twice.param_groups for name in group["param_names"]}
    assert found["2.weight"] == pytest.approx(0.1 / 16)
    for group in optimizer.param_groups:
        for name, parameter in zip(group["param_names"], group["params"], strict=True):
            assert dict(model.named_parameters())[name] is parameter
