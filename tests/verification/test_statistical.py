"""Weights that others drew: right laws pass, wrong ones and dependent ones are found. More in benchmarks/verifying."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import initwise as iw
from benchmarks.verifying.__main__ import check
from benchmarks.verifying.laws import RIGHT, WRONG, Case
from initwise.initializers import Target

CODES = {
    "std 3 % too large": {"INI104"},
    "std 3 % too small": {"INI104"},
    "uniform, std 3 % too small": {"INI104"},
    "swapped fans (384, 256)": {"INI104"},
    "uniform for normal, std equal": {"STA201"},
    "normal for uniform, std equal": {"INI102", "STA201"},
    "missing truncation correction": {"INI104"},
    "second half of the rows a copy of the first": {"SYM303"},
    "second half of the columns a copy": {"SYM303"},
    "four equal shards": {"SYM303"},
    "one row repeats another": {"SYM303"},
    "second half mirrors the first": {"STA202", "STA203"},
    "a rank-one component": {"STA203"},
    "mean off by 5 % of the std": {"INI103"},
    "20 layers of 12 x 12, std 20 % too large (pooled)": {"INI104"},
}


@pytest.mark.parametrize("case", RIGHT, ids=lambda case: case.what)
def test_right_laws_pass_though_nothing_agrees_bit_for_bit(case: Case) -> None:
    for seed in range(3):
        report = check(case, seed)
        assert report.findings == ()
        assert "bit for bit" not in {row.proof for row in report.rows if "weight" in row.name}


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.what)
def test_wrong_laws_are_found_and_named(case: Case) -> None:
    for seed in range(3):
        report = check(case, seed)
        assert not report.ok
        assert CODES[case.what] & {finding.code for finding in report.findings}
        assert all(finding.confidence >= 0.999 for finding in report.findings)


@pytest.mark.stats
@pytest.mark.parametrize("case", RIGHT, ids=lambda case: case.what)
def test_right_laws_pass_for_a_thousand_seeds(case: Case) -> None:
    assert sum(not check(case, seed).ok for seed in range(5_000, 6_000)) <= 3


@pytest.mark.stats
@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.what)
def test_wrong_laws_are_found_for_every_seed(case: Case) -> None:
    assert all(not check(case, seed).ok for seed in range(5_000, 5_100))


def _normal(count: int = 1, **options: Any) -> tuple[Any, iw.Plan]:
    """Linear layers with normal weights of another seed than the plan's."""
    model = nn.Sequential(*(nn.Linear(256, 256, bias=False, **options) for _ in range(count)))
    rules = iw.rule("*", iw.Normal(std=0.02))
    iw.apply(model, iw.plan(model, rules, seed=1))
    return model, iw.plan(model, rules, seed=2)


def test_an_excess_within_the_margin_is_no_error_however_significant() -> None:
    model = nn.Linear(2048, 1024, bias=False)
    plan = iw.plan(model, iw.rule("weight", iw.Normal(std=0.02)))
    torch.manual_seed(0)
    nn.init.normal_(model.weight, std=0.02 * 1.015)
    report = iw.verify(model, plan)
    assert report.ok
    assert report.rows[0].p < 1e-9
    found = iw.verify(model, plan, margin=0.01).findings
    assert [finding.code for finding in found] == ["INI104"]
    assert iw.verify(model, plan, margin=0.5).ok


def test_the_allowed_interval_is_the_one_that_decides() -> None:
    model, plan = _normal()
    low, high = iw.verify(model, plan).rows[0].allowed_std
    assert (low, high) == (pytest.approx(0.0196), pytest.approx(0.0204))
    small = iw.verify(*_small(1)).rows[0]
    assert small.allowed_std[0] < 0.9 * 0.02
    assert small.allowed_std[1] > 1.1 * 0.02


def test_a_copied_layer_is_found_even_if_its_original_is_the_plans() -> None:
    model, plan = _normal(3)
    iw.apply(model, plan)
    with torch.no_grad():
        model[2].weight.copy_(model[0].weight)
    report = iw.verify(model, plan)
    (finding,) = report.findings
    assert (finding.code, finding.parameter) == ("SYM301", "2.weight")
    assert finding.measured == "equal to 0.weight"
    assert [row.verdict for row in report.rows] == ["ok", "ok", "failed: SYM301"]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_narrow_law_in_half_precision_repeats_rows_by_rounding(dtype: torch.dtype) -> None:
    model = nn.Linear(16, 512, bias=False, dtype=dtype)
    rules = iw.rule("weight", iw.Normal(1.0, 2e-4))
    iw.apply(model, iw.plan(model, rules, seed=1))
    assert iw.verify(model, iw.plan(model, rules, seed=2)).ok


def test_of_many_layers_only_the_wrong_one_is_named() -> None:
    model, plan = _normal(20)
    with torch.no_grad():
        model[7].weight.mul_(1.05)
    report = iw.verify(model, plan)
    assert {finding.parameter for finding in report.findings} == {"7.weight"}


def _small(count: int, size: int = 12) -> tuple[Any, iw.Plan]:
    model = nn.Sequential(*(nn.Linear(size, size, bias=False) for _ in range(count)))
    rules = iw.rule("*", iw.Normal(std=0.02))
    iw.apply(model, iw.plan(model, rules, seed=1))
    return model, iw.plan(model, rules, seed=2)


def test_parameters_too_small_to_test_alone_are_pooled_by_rule() -> None:
    report = iw.verify(*_small(20))
    assert report.ok
    assert {(row.verdict, row.proof) for row in report.rows} == {("ok", "pooled with 19 others")}
    assert all(row.testable for row in report.rows)


@pytest.mark.parametrize("count", [1, 2])
def test_what_cannot_be_pooled_to_enough_numbers_is_not_testable_and_never_ok(count: int) -> None:
    report = iw.verify(*_small(count, size=8))
    assert [(row.verdict, row.proof, row.testable) for row in report.rows] == [("not testable", "", False)] * count
    assert f"0 of {count} parameters hold their law" in str(report)


LAPLACE = iw.Law(mean=0.0, std=2**0.5, fourth=24.0, name="Laplace")


def _laplace(shape: tuple[int, ...], fans: object, draw: Any) -> torch.Tensor:
    u: torch.Tensor = draw.uniform(shape) - 0.5
    return -u.sign() * torch.log1p(-2 * u.abs())


@pytest.mark.parametrize(("second", "pooled"), [(iw.Normal(std=5.0), True), (iw.Custom(_laplace, law=LAPLACE), False)])
def test_laws_of_one_family_are_pooled_whatever_their_scale_and_others_are_not(second: Any, pooled: bool) -> None:
    model = nn.MultiheadAttention(13, 1, bias=False)
    blocks = iw.PerBlock(q=iw.Normal(std=0.02), k=second, v=iw.Zeros())
    rules = [iw.rule("in_proj_weight", blocks), iw.rule("out_proj.weight", iw.Zeros())]
    iw.apply(model, iw.plan(model, rules, seed=1))
    row = iw.verify(model, iw.plan(model, rules, seed=2)).rows[0]
    assert row.verdict == ("ok" if pooled else "ok; not testable: q k")


def test_parameters_of_two_rules_are_not_pooled() -> None:
    model = nn.Sequential(*(nn.Linear(13, 13, bias=False) for _ in range(2)))
    one = [iw.rule("*.weight", iw.Normal(std=0.02))]
    two = [iw.rule(f"{index}.weight", iw.Normal(std=0.02)) for index in range(2)]
    for rules, verdict in ((one, "ok"), (two, "not testable")):
        iw.apply(model, iw.plan(model, rules, seed=1))
        report = iw.verify(model, iw.plan(model, rules, seed=2))
        assert {row.verdict for row in report.rows} == {verdict}


def test_a_pool_that_fails_names_its_members_and_the_most_suspicious_one() -> None:
    model, plan = _small(20)
    with torch.no_grad():
        for layer in model:
            layer.weight.mul_(1.08)
    (finding,) = iw.verify(model, plan).findings
    assert (finding.code, finding.parameter) == ("INI104", "4.weight")
    assert (
        "the std of 2,880 values is off for normal of mean 0 and std 1, pooled over 0.weight, 1.weight"
        in finding.message
    )
    assert "and 14 more" in finding.message
    verdicts = [row.verdict for row in iw.verify(model, plan).rows]
    assert verdicts == ["not testable"] * 4 + ["failed: INI104"] + ["not testable"] * 15


def test_small_parameters_that_are_grossly_wrong_fail_alone() -> None:
    model, plan = _small(3)
    with torch.no_grad():
        model[1].weight.mul_(3)
    report = iw.verify(model, plan)
    assert {finding.parameter for finding in report.findings} == {"1.weight"}
    assert report.rows[1].testable


def test_a_law_with_an_atom_may_repeat_one_value() -> None:
    law = iw.TimeStepBias(low=1e-3, high=0.1, floor=9.9e-2).law(Target((4,)))
    assert law is not None
    declared, lowest = iw.Law(law.mean, law.std, law.support, law.cdf, law.fourth), law.support[0]
    rules = iw.rule("bias", iw.Custom(lambda shape, fans, draw: torch.full(shape, lowest), law=declared))
    model = nn.Linear(2, 4)
    plan = iw.plan(model, [rules, iw.rule("weight", iw.Zeros())])
    iw.apply(model, plan)
    report = iw.verify(model, plan)
    assert report.ok
    assert report.rows[1].verdict == "not testable"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_bounds_that_other_generators_round_to_nearest_are_within_the_support(dtype: torch.dtype) -> None:
    model = nn.Linear(256, 256, bias=False, dtype=dtype)
    plan = iw.plan(model, iw.rule("weight", iw.Uniform(-0.1, 0.1)))
    torch.manual_seed(0)
    with torch.no_grad():
        model.weight.copy_(torch.empty(256, 256).uniform_(-0.1, 0.1))
        model.weight[0, 0] = 0.1  # 0.10000000149 in float32, 0.1001 in bfloat16
        assert iw.verify(model, plan).ok
        model.weight[0, 0] *= 1.01
    assert [finding.code for finding in iw.verify(model, plan).findings] == ["INI102"]


def test_a_law_with_an_atom_is_held_to_its_moments() -> None:
    class Rates(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bias = nn.Parameter(torch.empty(4096))

    model = Rates()
    rules = iw.rule("bias", iw.TimeStepBias(low=1e-3, high=1e-1, floor=5e-3))
    iw.apply(model, iw.plan(model, rules, seed=1))
    asked = iw.plan(model, rules, seed=2)
    assert [(row.verdict, row.proof) for row in iw.verify(model, asked).rows] == [("ok", "by its law")]
    law = asked["bias"].law
    assert law is not None
    with torch.no_grad():
        model.bias.mul_(1.1).clamp_(*law.support)
    assert {"INI103", "INI104"} <= {finding.code for finding in iw.verify(model, asked).findings}


def test_a_shift_that_is_certain_and_tiny_is_within_the_margin() -> None:
    model: Any = nn.Linear(2048, 2048, bias=False)
    rules = iw.rule("weight", iw.Normal(std=0.02))
    iw.apply(model, iw.plan(model, rules, seed=1))
    with torch.no_grad():
        model.weight.add_(0.01 * 0.02)  # twenty standard errors of the mean
    asked = iw.plan(model, rules, seed=2)
    assert iw.verify(model, asked).ok
    assert {finding.code for finding in iw.verify(model, asked, margin=0.005).findings} == {"INI103"}
