"""Coordinate checks along depth tell a residual stream that grows from one that does not."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

import initwise as iw
from initwise.recipes import Multiplier
from initwise.signals import CoordinateCheck
from tests.signals.coordinates.checking import BATCH, Residual, sized

DEPTHS = (4, 8, 16, 32)
PLAN = [
    iw.rule(nn.Linear, weight=iw.LecunNormal(), bias=iw.Zeros()),
    iw.rule(nn.LayerNorm, weight=iw.Ones(), bias=iw.Zeros()),
]


def check(factor: float | None) -> CoordinateCheck:
    """Residual blocks whose branches are multiplied by a factor; None for 1 / sqrt(depth)."""
    models = sized(lambda depth: Residual(depth, depth**-0.5 if factor is None else factor), DEPTHS)
    return iw.coordinate_check(models, BATCH, plan=PLAN, steps=1, along="depth", statistic="second_moment")


def test_without_a_factor_the_stream_grows_with_depth() -> None:
    found = check(1.0)
    row = found.find("last", 0)
    assert row.slope is not None
    assert 0.6 < row.slope < 1.1  # E[x^2] = 1 + depth
    assert row.verdict == "grows"
    assert "grows with depth: last" in found.message


def test_with_one_over_the_root_of_the_depth_it_is_stable() -> None:
    found = check(None)
    slope = found.find("last", 0).slope
    assert slope is not None
    assert abs(slope) < 0.2
    assert found.find("last", 0).verdict == "stable"


def test_the_first_and_the_last_block_are_compared_and_records_keep_all() -> None:
    found = check(None)
    numbers = {row.module.split(".")[1] for row in found if row.module.startswith("blocks.")}
    assert numbers == {"0", "-1"}
    recorded = {record.module for record in found.records if record.size == 8}
    assert {f"blocks.{number}.1" for number in range(8)} <= recorded
    assert found.find("blocks.-1.1", 0).step == 0


def test_branches_may_shrink_where_the_plan_multiplies_them() -> None:
    def branched(model: nn.Module) -> iw.Plan:
        plan = iw.plan(model, PLAN)
        depth = len(list(model.get_submodule("blocks").children()))
        factors = tuple(Multiplier(f"blocks.{each}", "branch", 1 / depth, "1 / depth") for each in range(depth))
        return replace(plan, multipliers=factors)

    models = sized(lambda depth: Residual(depth, 1.0), DEPTHS)
    found = iw.coordinate_check(models, BATCH, plan=branched, steps=1, along="depth", statistic="second_moment")
    row = found.find("blocks.-1", 0)
    assert row.slope is not None
    assert -2.4 < row.slope < -1.6  # 1 / depth^2
    assert (row.verdict, row.allowed) == ("shrinks", True)
    assert found.find("last", 0).verdict == "stable"
