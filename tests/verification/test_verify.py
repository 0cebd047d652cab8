"""`verify` passes what was asked for and names what was not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from initwise.errors import VerificationError


class _Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(300, 64, padding_idx=0)
        self.conv = nn.Conv2d(16, 32, 3)
        self.head = nn.Linear(64, 512)
        self.lstm = nn.LSTM(32, 24)


RULES = [
    iw.rule("embed.weight", iw.Normal(std=0.02)),
    iw.rule("conv.weight", iw.TruncatedNormal(std=0.1, bound=2.0)),
    iw.rule("head.weight", iw.XavierUniform()),
    iw.rule("*bias*", iw.Zeros()),
    iw.rule(nn.LSTM, weight_ih=iw.XavierUniform(), weight_hh=iw.Orthogonal()),
]


def _drawn() -> tuple[Any, iw.Plan]:
    model = _Net()
    plan = iw.plan(model, RULES, seed=11)
    iw.apply(model, plan)
    return model, plan


def test_what_the_plan_wrote_is_clean() -> None:
    model, plan = _drawn()
    report = iw.verify(model, plan)
    assert report.ok
    assert report.findings == ()
    assert [row.name for row in report.rows] == [name for name, _ in model.named_parameters()]
    assert all(row.verdict == "ok" for row in report.rows)
    assert "10 of 10" in str(report) or f"{len(report.rows)} of {len(report.rows)}" in str(report)


def _nan(w: Tensor) -> None:
    w.view(-1)[7] = float("nan")


def _outlier(w: Tensor) -> None:
    w.view(-1)[3] = 0.3


FAULTS: dict[str, tuple[str, Callable[[Tensor], object], str]] = {
    "a NaN": ("head.weight", _nan, "INI1(01|09)"),
    "an infinity": ("head.weight", lambda w: w.view(-1)[0].fill_(float("inf")), "INI1(01|09)"),
    "one value beyond the truncation": ("conv.weight", _outlier, "INI1(02|09)"),
    "a uniform 1% too wide": ("head.weight", lambda w: w.mul_(1.01), "INI102"),
    "a std 20% too large": ("embed.weight", lambda w: w.mul_(1.2), "INI104"),
    "a uniform 10% too narrow": ("head.weight", lambda w: w.mul_(0.9), "INI104"),
    "a shifted mean": ("embed.weight", lambda w: w[1:].add_(0.004), "INI10[34]"),
    "a bias that is not zero": ("head.bias", lambda w: w[5].fill_(1e-6), "INI10[25]"),
    "a gate that is not orthogonal": ("lstm.weight_hh_l0", lambda w: w[24:48].mul_(1.1), "INI105"),
    "a padding row that is not zero": ("embed.weight", lambda w: w[0].fill_(0.01), "INI107"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_the_parameter_named(fault: str) -> None:
    name, break_it, code = FAULTS[fault]
    model, plan = _drawn()
    with torch.no_grad():
        break_it(dict(model.named_parameters())[name])
    report = iw.verify(model, plan)
    assert not report.ok
    assert {finding.parameter.split(" ")[0] for finding in report.findings} == {name}
    assert all(re.fullmatch(code, finding.code) for finding in report.findings)


def test_a_missing_an_extra_and_a_reshaped_parameter_are_findings() -> None:
    model, plan = _drawn()
    del model.lstm
    model.head = nn.Linear(64, 5)
    model.more = nn.Linear(2, 2, bias=False)
    found = {(finding.code, finding.parameter) for finding in iw.verify(model, plan).findings}
    gone = {f"lstm.{name}" for name, _ in nn.LSTM(1, 1).named_parameters()}
    expected = {"head.weight", "head.bias", "more.weight", *gone}
    assert found == {("INI106", name) for name in expected}


def test_one_bad_gate_is_named() -> None:
    model, plan = _drawn()
    with torch.no_grad():
        model.lstm.weight_hh_l0[24:48] *= 2.0
    (finding,) = iw.verify(model, plan).findings
    assert finding.parameter == "lstm.weight_hh_l0 [f]"


def test_a_kept_parameter_and_a_law_nobody_stated_are_said_to_be_unchecked() -> None:
    model = nn.Linear(4, 4)
    rules = [iw.rule("weight", iw.Custom(lambda shape, fans, draw: draw.normal(shape))), iw.rule("bias", iw.Keep())]
    report = iw.initialize(model, rules)
    assert [row.verdict for row in report.rows] == ["not testable", "kept"]
    assert report.ok


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64])
@pytest.mark.parametrize("initializer", [iw.Normal(std=0.02), iw.XavierUniform(), iw.TruncatedNormal(std=1e-3)])
def test_every_dtype_and_law_verifies_when_drawn_by_us(dtype: torch.dtype, initializer: object) -> None:
    model = nn.Linear(300, 200, bias=False, dtype=dtype)
    report = iw.initialize(model, [iw.rule("weight", initializer)], seed=4)
    assert report.rows[0].std == pytest.approx(report.rows[0].expected_std, rel=0.03) or dtype.is_complex


@pytest.mark.parametrize("size", [1, 2, 3, 10, 100])
def test_small_parameters_raise_no_false_alarm_over_many_seeds(size: int) -> None:
    rules = [iw.rule("weight", iw.XavierUniform()), iw.rule("bias", iw.Normal(std=0.5))]
    for seed in range(40):
        assert iw.initialize(nn.Linear(size, size), rules, seed=seed).ok


def test_a_law_of_the_users_own_is_checked_where_it_says_enough() -> None:
    law = iw.Law(mean=0.0, std=0.5, support=(-1.0, 1.0))
    honest = iw.Custom(lambda shape, fans, draw: draw.uniform(shape) * 3**0.5 - 3**0.5 / 2, law=law)
    lying = iw.Custom(lambda shape, fans, draw: draw.uniform(shape), law=law)
    assert iw.initialize(nn.Linear(99, 99, bias=False), [iw.rule("weight", honest)]).ok
    with pytest.raises(VerificationError, match="INI103 weight") as caught:
        iw.initialize(nn.Linear(99, 99, bias=False), [iw.rule("weight", lying)])
    assert not caught.value.report.ok


def test_verify_reads_and_changes_nothing() -> None:
    model, plan = _drawn()
    before = iw.digest(model)
    state = torch.get_rng_state()
    iw.verify(model, plan)
    assert iw.digest(model) == before
    assert torch.equal(torch.get_rng_state(), state)


def test_a_meta_model_is_a_finding_not_a_crash() -> None:
    with torch.device("meta"):
        model = nn.Linear(3, 3)
    report = iw.verify(model, iw.plan(model, "xavier"))
    assert {finding.code for finding in report.findings} == {"INI106"}


@pytest.mark.parametrize("values", [torch.zeros, torch.ones])
@pytest.mark.parametrize("initializer", [iw.XavierUniform(), iw.TruncatedNormal(std=0.02), iw.Normal(std=0.1)])
def test_a_small_weight_that_holds_one_value_is_found(initializer: Any, values: Callable[..., Tensor]) -> None:
    model = nn.Linear(8, 2, bias=False)
    plan = iw.plan(model, iw.rule("weight", initializer))
    model.weight = nn.Parameter(0.01 * values(2, 8))
    assert [finding.code for finding in iw.verify(model, plan).findings] == ["INI104"]


@pytest.mark.parametrize("value", [lambda shape, draw: torch.ones(shape), lambda shape, draw: 5 * draw.normal(shape)])
def test_a_function_that_breaks_the_law_it_declares_is_found(value: Callable[..., Tensor]) -> None:
    lying = iw.Custom(lambda shape, fans, draw: value(shape, draw), law=iw.Law(mean=0, std=1))
    with pytest.raises(VerificationError, match=r"INI10[34] weight"):
        iw.initialize(nn.Linear(20, 20, bias=False), iw.rule("weight", lying))


@pytest.mark.parametrize("change", [lambda w: w.mul_(10), lambda w: w.copy_(-w.abs())])
def test_the_values_of_a_sparse_weight_are_held_to_their_law(change: Callable[[Tensor], object]) -> None:
    model = nn.Linear(64, 32, bias=False)
    plan = iw.plan(model, iw.rule("weight", iw.Sparse(sparsity=0.5)))
    iw.apply(model, plan)
    assert iw.verify(model, plan).ok
    with torch.no_grad():
        change(model.weight)
    found = {(finding.code, finding.parameter) for finding in iw.verify(model, plan).findings}
    assert ("INI109", "weight") in found  # the mask is still the plan's
    assert {where for code, where in found if code != "INI109"} == {"weight (nonzero)"}


EXTREME = [
    iw.Normal(std=1e20),
    iw.Normal(std=1e-24),
    iw.Uniform(-1e25, 1e25),
    iw.TruncatedNormal(std=1e-23),
    iw.Orthogonal(gain=1e20),
    iw.Orthogonal(gain=1e-20),
    iw.Normal(mean=100.0, std=1e-3),
]


@pytest.mark.parametrize("initializer", EXTREME, ids=repr)
def test_scales_near_the_ends_of_float32_verify(initializer: object) -> None:
    report = iw.initialize(nn.Linear(64, 64, bias=False), iw.rule("weight", initializer))
    assert report.rows[0].verdict == "ok"


NARROW = [iw.Normal(0.1, 1e-3), iw.Normal(1.0, 1e-3), iw.Uniform(1.0, 1.01), iw.TruncatedNormal(1.0, 1e-2)]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("initializer", NARROW, ids=repr)
def test_values_that_rounding_puts_on_few_numbers_verify(initializer: object, dtype: torch.dtype) -> None:
    assert iw.initialize(nn.Linear(512, 512, bias=False, dtype=dtype), iw.rule("weight", initializer)).ok


def test_a_packed_weight_with_a_kept_block_shows_what_was_checked() -> None:
    model = nn.MultiheadAttention(16, 2, bias=False)
    packed = iw.PerBlock(q=iw.Orthogonal(), k=iw.Normal(std=0.1), v=iw.Keep())
    report = iw.initialize(model, [iw.rule("in_proj_weight", packed), iw.rule("out_proj.weight", iw.Zeros())])
    assert report.rows[0].verdict == "ok; not testable: v"
    assert report.rows[0].std is not None


@pytest.mark.parametrize("other", ["xavier", {}, None])
def test_something_that_is_no_plan_is_refused(other: object) -> None:
    with pytest.raises(iw.errors.ArgumentTypeError, match=r"verify: plan is .* give iw\.[pP]lan"):
        iw.verify(nn.Linear(2, 2), other)  # type: ignore[arg-type]


@pytest.mark.parametrize("initializer", [iw.Orthogonal(), iw.Identity()])
def test_a_structure_that_a_padding_row_would_break_is_refused_by_the_plan(initializer: Any) -> None:
    model = nn.Embedding(8, 8, padding_idx=3)
    with pytest.raises(
        iw.errors.PlanError, match=r"'weight'.* its padding row 3 is set to zero, and .* would not hold"
    ):
        iw.plan(model, iw.rule("weight", initializer))


def test_constants_and_custom_laws_go_with_a_padding_row() -> None:
    for initializer in (iw.Ones(), iw.Custom(lambda shape, fans, draw: draw.normal(shape))):
        assert iw.initialize(nn.Embedding(8, 8, padding_idx=3), iw.rule("weight", initializer)).ok
