"""`initialize` is plan, apply and verify, and changes nothing when it fails before the write."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import initwise as iw


def test_the_short_way_is_the_long_way() -> None:
    short, long = nn.Linear(6, 5), nn.Linear(6, 5)
    report = iw.initialize(short, "xavier", seed=9)
    plan = iw.plan(long, "xavier", seed=9)
    iw.apply(long, plan)
    assert torch.equal(short.weight, long.weight)
    assert report.ok
    assert report.to_dict() == iw.verify(long, plan).to_dict()


def test_a_rule_that_leaves_a_parameter_out_changes_no_weight() -> None:
    model = nn.Linear(6, 5)
    before = iw.digest(model)
    with pytest.raises(iw.errors.PlanError, match="bias"):
        iw.initialize(model, [iw.rule("weight", iw.Zeros())])
    assert iw.digest(model) == before


def test_two_runs_of_one_seed_are_equal_by_digest_and_two_seeds_are_not() -> None:
    digests = set()
    for seed in (1, 1, 2):
        model = nn.Linear(6, 5)
        iw.initialize(model, "kaiming", seed=seed)
        digests.add(iw.digest(model))
    assert len(digests) == 2
