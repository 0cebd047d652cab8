from __future__ import annotations

import json
import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from initwise.errors import ArgumentError, InitwiseError
from initwise.initializers import Initializer, Target, from_data, to_data

FACTORS = tuple(0.5 + index / 7 for index in range(12))


def drawn(model: nn.Module, rules: Any, seed: int = 3) -> dict[str, Tensor]:
    plan = iw.plan(model, ["torch-default", *rules], seed=seed)
    iw.apply(model, plan)
    assert {row.proof for row in iw.verify(model, plan).rows} == {"bit for bit"}
    assert iw.verify(model, plan, exact="required").ok
    restored = iw.Plan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert restored == plan
    assert restored.digest() == plan.digest()
    return {name: each.detach().clone() for name, each in model.named_parameters()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.complex64])
@pytest.mark.parametrize("inner", [iw.Normal(mean=0.1, std=0.02), iw.Uniform(-1, 2), iw.Orthogonal(), iw.Sparse(0.5)])
def test_a_scaled_weight_is_the_factor_times_the_same_random_numbers(inner: Initializer, dtype: torch.dtype) -> None:
    model = nn.Linear(20, 12, bias=False, dtype=dtype)
    wide = torch.float32 if dtype == torch.bfloat16 else dtype
    plain = drawn(nn.Linear(20, 12, bias=False, dtype=wide), [iw.rule("weight", inner)])["weight"]
    real = wide.to_real() if wide.is_complex else wide
    one = drawn(model, [iw.rule("weight", iw.Scaled(inner, 1.7))])["weight"]
    assert torch.equal(one, (plain * torch.tensor(1.7, dtype=real)).to(dtype))
    several = drawn(model, [iw.rule("weight", iw.Scaled(inner, FACTORS, axis=0))])["weight"]
    assert torch.equal(several, (plain * torch.tensor(FACTORS, dtype=real)[:, None]).to(dtype))


def test_each_block_of_a_packed_weight_gets_its_own_factors_whatever_the_axis() -> None:
    model = nn.LSTM(8, 3)
    plain = drawn(model, [iw.rule("weight_*", iw.Orthogonal()), iw.rule("weight_hh_l0", iw.Normal(std=0.1))])
    columns = FACTORS[:3]
    scaled = drawn(model, [iw.rule("weight_*", iw.Scaled(iw.Normal(std=0.1), FACTORS, axis=0))])["weight_hh_l0"]
    assert torch.equal(scaled, plain["weight_hh_l0"] * torch.tensor(FACTORS)[:, None])
    found = drawn(
        model,
        [
            iw.rule("weight_ih_l0", iw.Scaled(iw.PerBlock(i=iw.Zeros(), rest=iw.Orthogonal()), FACTORS, axis=0)),
            iw.rule("weight_hh_l0", iw.Scaled(iw.Normal(std=0.1), columns, axis=1)),
            iw.rule("bias_ih_l0", iw.Given(FACTORS)),
        ],
    )
    assert torch.equal(found["weight_ih_l0"][3:], (plain["weight_ih_l0"] * torch.tensor(FACTORS)[:, None])[3:])
    assert not found["weight_ih_l0"][:3].any()
    assert torch.equal(found["weight_hh_l0"], plain["weight_hh_l0"] * torch.tensor(columns))
    assert torch.equal(found["bias_ih_l0"], torch.tensor(FACTORS))


def test_factors_within_factors_multiply_and_large_weights_agree_block_by_block() -> None:
    model = nn.Linear(1500, 700, bias=False)  # more than one block of the scan
    rows, columns = (torch.linspace(0.5, 2, size) for size in (700, 1500))
    inner = iw.Scaled(iw.Normal(std=0.02), rows.tolist(), axis=0)
    found = drawn(model, [iw.rule("weight", iw.Scaled(inner, columns.tolist(), axis=1))])["weight"]
    plain = drawn(model, [iw.rule("weight", iw.Normal(std=0.02))])["weight"]
    assert torch.equal(found, plain * rows[:, None] * columns)


def test_the_law_of_one_factor_is_the_law_times_it_and_of_several_the_mixture() -> None:
    target = Target((12, 4000))
    one = iw.Scaled(iw.Uniform(-1, 3), 2.0).law(target)
    assert one is not None
    assert one.cdf is not None
    assert (one.mean, one.std, one.support, one.describe()) == (2.0, 8 / 12**0.5, (-2.0, 6.0), "2 × U(-1, 3)")
    assert one.fourth == pytest.approx(8**4 / 80)
    assert one.cdf(torch.tensor([2.0]).double().numpy()) == 0.5
    several = iw.Scaled(iw.Normal(mean=1.0, std=0.5), FACTORS, axis=0).law(target)
    assert several is not None
    values = (1.0 + 0.5 * torch.randn(12, 200_000, generator=torch.Generator().manual_seed(0))).double()
    values = values * torch.tensor(FACTORS).double()[:, None]
    assert several.mean == pytest.approx(float(values.mean()), rel=2e-3)
    assert several.std == pytest.approx(float(values.std()), rel=2e-3)
    assert not several.iid


def test_verify_holds_others_draws_against_the_factors() -> None:
    model = nn.Linear(400, 12, bias=False)
    plan = iw.plan(model, [iw.rule("weight", iw.Scaled(iw.Normal(std=0.02), FACTORS, axis=0))])
    with torch.no_grad():
        model.weight.copy_(0.02 * torch.randn(12, 400) * torch.tensor(FACTORS)[:, None])
    assert iw.verify(model, plan).ok
    with torch.no_grad():
        model.weight.copy_(0.02 * torch.randn(12, 400))
    assert [finding.code for finding in iw.verify(model, plan).findings] == ["INI105"]
    given = iw.plan(nn.Linear(2, 3), ["torch-default", iw.rule("bias", iw.Given((1.0, 2.0, 3.0)))])
    other = nn.Linear(2, 3)
    iw.apply(other, given)
    with torch.no_grad():
        other.bias[1] = 2.5
    assert "INI105" in [finding.code for finding in iw.verify(other, given).findings]


def test_an_orthogonal_weight_stays_one_under_one_factor_and_its_quotient_one_under_several() -> None:
    model = nn.Linear(12, 12, bias=False)
    for initializer in (iw.Scaled(iw.Orthogonal(), 3.0), iw.Scaled(iw.Orthogonal(), FACTORS, axis=1)):
        plan = iw.plan(model, [iw.rule("weight", initializer)])
        iw.apply(model, plan)
        assert iw.verify(model, plan, exact=False).ok
        iw.apply(model, iw.plan(model, [iw.rule("weight", iw.Orthogonal(2.0))]))
        assert [finding.code for finding in iw.verify(model, plan, exact=False).findings] == ["INI105"]


def test_plain_python_draws_from_the_same_laws() -> None:
    model = nn.Sequential(nn.Linear(300, 12), nn.Conv2d(3, 12, 3))
    rules = [
        iw.rule("0.weight", iw.Scaled(iw.Normal(std=0.1), FACTORS, axis=0)),
        iw.rule("1.weight", iw.Scaled(iw.Orthogonal(), 2.5)),
        iw.rule("*.bias", iw.Given(FACTORS)),
    ]
    plan = iw.plan(model, rules)
    space: dict[str, Any] = {}
    exec(plan.to_python(), space)  # noqa: S102 - it is our own code
    space["initialize"](model)
    assert iw.verify(model, plan, exact=False).ok


def test_given_values_fill_a_shape_in_row_major_order() -> None:
    values = iw.Given(torch.arange(6.0)).values(Target((1, 3, 2)), None)  # type: ignore[arg-type]
    assert torch.equal(values, torch.arange(6.0).reshape(1, 3, 2))
    law = iw.Given((1.0, 3.0)).law(Target((2,)))
    assert law is not None
    assert (law.mean, law.std, law.support, law.describe()) == (2.0, 1.0, (1.0, 3.0), "2 given numbers, 1 to 3")


def test_the_upsampling_kernel_of_a_scaled_law_repeats_its_channels() -> None:
    model = nn.Conv2d(3, 8, 3, bias=False)
    inner = iw.Scaled(iw.Normal(std=0.1), (1.0, 100.0), axis=0)
    found = drawn(model, [iw.rule("weight", iw.ICNR(2, inner))])["weight"]
    assert torch.equal(found[0], found[3])
    assert float(found[4:].std() / found[:4].std()) == pytest.approx(100, rel=0.5)


def test_diff_and_explain_tell_of_the_factor() -> None:
    model = nn.Linear(4, 4, bias=False)
    one, other = (
        iw.plan(model, [iw.rule("weight", each)]) for each in (iw.Normal(std=0.02), iw.Scaled(iw.Normal(std=0.02), 1.5))
    )
    (row,) = iw.diff(one, other).rows
    assert (row.status, row.law_b) == ("law differs", "1.5 × N(0, 0.02²)")
    assert "1.5 × N(0, 0.02²): mean 0, std 0.03" in other.explain("weight")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: iw.Scaled(iw.Normal(), 0.0), "factor holds 0.0, and factors must be above 0"),
        (lambda: iw.Scaled(iw.Normal(), (1.0, float("nan")), axis=0), "factor is nan, and must be finite"),
        (lambda: iw.Scaled(iw.Normal(), (1.0, 2.0)), "factor holds 2 numbers and axis is missing"),
        (lambda: iw.Scaled(iw.Normal(), 2.0, axis=0), "factor one number, which needs none"),
        (lambda: iw.Scaled(iw.Normal(), ()), "holds no number"),
        (lambda: iw.Scaled(iw.Keep(), 2.0), "keeps values that are there"),
        (lambda: iw.Scaled(iw.PerBlock(q=iw.Keep()), 2.0), "keeps values that are there"),
        (lambda: iw.Given(()), "numbers holds 0 values"),
        (lambda: iw.Given((1.0, float("inf"))), "numbers is inf, and must be finite"),
    ],
)
def test_factors_and_numbers_that_cannot_be_are_refused(make: Any, said: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(said)):
        make()


@pytest.mark.parametrize(
    ("initializer", "target", "said"),
    [
        (iw.Scaled(iw.Normal(), (1.0, 2.0), axis=0), Target((3, 2)), "axis 0 of the shape (3, 2) has size 3"),
        (iw.Scaled(iw.Normal(), (1.0, 2.0), axis=2), Target((3, 2)), "axis 2 of the shape (3, 2) does not exist"),
        (iw.Scaled(iw.Normal(), 2e4), Target((3,), torch.float16), "beyond the largest torch.float16 number"),
        (iw.Given((1.0, 2.0)), Target((3,)), "has 3 elements, and 2 numbers are given"),
        (iw.Given(1e5), Target((1,), torch.float16), "the largest torch.float16 number is 65504"),
    ],
)
def test_targets_that_do_not_fit_are_refused(initializer: Any, target: Target, said: str) -> None:
    with pytest.raises(InitwiseError, match=re.escape(said)):
        initializer.law(target)


def test_long_factors_are_abbreviated_in_words_and_whole_in_data() -> None:
    many = iw.Scaled(iw.Normal(), [1.0 + index for index in range(40)], axis=0)
    assert repr(many) == "Scaled(Normal(), <40 factors 1 to 40>, axis=0)"
    assert from_data(to_data(many)) == many
    assert repr(iw.Given(range(40))) == "Given(<40 numbers 0 to 39>)"
