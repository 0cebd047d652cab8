"""`diff` of a plan and a model, and of two models: values against laws, and values against values."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import orthogonal, weight_norm

import initwise as iw
from initwise.differences import Difference


class Net(nn.Module):
    """One of each: a padding row, packed matrices, a truncated law, orthogonal gates, constants, a buffer."""

    def __init__(self, *, tied: bool = False) -> None:
        super().__init__()
        self.embed = nn.Embedding(300, 64, padding_idx=0)
        self.attention = nn.MultiheadAttention(64, 4)
        self.lstm = nn.LSTM(32, 24)
        self.conv = nn.Conv2d(16, 32, 3)
        self.norm = nn.BatchNorm2d(32)
        self.head = nn.Linear(64, 300)
        if tied:
            self.head.weight = self.embed.weight


RULES = [
    iw.rule("embed.weight", iw.Normal(std=0.02)),
    iw.rule("*in_proj_weight", iw.XavierUniform()),
    iw.rule("*out_proj.weight", iw.Sparse(sparsity=0.5, std=0.1)),
    iw.rule("conv.weight", iw.TruncatedNormal(std=0.1, bound=2.0)),
    iw.rule("head.weight", iw.Normal(std=0.05)),
    iw.rule("*bias*", iw.Zeros()),
    iw.rule("norm.weight", iw.Ones()),
    iw.rule(nn.LSTM, weight_ih=iw.XavierUniform(), weight_hh=iw.Orthogonal()),
]


def drawn(seed: int = 11, *, dtype: torch.dtype = torch.float32) -> tuple[Any, iw.Plan]:
    """A model with the weights that its plan asks for."""
    model = Net().to(dtype)
    plan = iw.plan(model, RULES, seed=seed)
    iw.apply(model, plan)
    return model, plan


def statuses(found: Difference) -> dict[str, str]:
    """The status of each row that differs."""
    return {row.name: row.status for row in found.rows if not row.same}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_what_a_plan_wrote_agrees_with_it_in_either_order(dtype: torch.dtype) -> None:
    model, plan = drawn(dtype=dtype)
    found = iw.diff(plan, model)
    assert found.same
    assert {row.status for row in found.rows} == {"agrees"}
    assert len(found.rows) == len(plan)
    turned = iw.diff(model, plan)
    assert turned.same
    assert (turned.a, turned.b) == (found.b, found.a)


def test_fifty_seeds_of_the_right_laws_agree() -> None:
    model = nn.Sequential(nn.Linear(32, 48), nn.Conv2d(4, 8, 3), nn.Embedding(9, 5))
    rules = [
        iw.rule("0.weight", iw.XavierUniform()),
        iw.rule("1.weight", iw.TruncatedNormal(std=0.1, bound=2.0)),
        iw.rule("2.weight", iw.Normal()),
        iw.rule("*.bias", iw.Uniform(-0.1, 0.1)),
    ]
    plans = [iw.plan(model, rules, seed=seed) for seed in range(50)]
    off: list[tuple[str, str]] = []
    for plan in plans:
        iw.apply(model, plan)
        off += statuses(iw.diff(plan, model)).items()
    assert off == []


def _poke(index: int, value: float) -> Callable[[Tensor], object]:
    return lambda w: w.view(-1)[index : index + 1].fill_(value)


FAULTS: dict[str, tuple[str, Callable[[Tensor], object], str]] = {
    "a NaN": ("head.weight", _poke(7, float("nan")), "its values are not all finite"),
    "one value beyond the truncation": ("conv.weight", _poke(3, 0.3), r"values lie outside \[-0.227"),
    "a std 5 % too large": ("head.weight", lambda w: w.mul_(1.05), "the std is off, allowed std 0.048"),
    "a shifted mean": ("embed.weight", lambda w: w[1:].add_(0.004), "the mean is 0.00"),
    "a bias that is not zero": ("head.bias", _poke(5, 1e-6), "asked was: every value is 0"),
    "gates that are not orthogonal": (
        "lstm.weight_hh_l0",
        lambda w: w[24:48].mul_(1.1),
        r"^\w+: asked was: orthogonal",
    ),
    "a padding row that is not zero": ("embed.weight", lambda w: w[0].fill_(0.01), "^the padding row 0 is not zero$"),
    "one of the packed matrices too wide": (
        "attention.in_proj_weight",
        lambda w: w[64:128].mul_(1.01),
        "^k: values lie outside",
    ),
    "nonzero values too small": ("attention.out_proj.weight", lambda w: w.mul_(0.8), "the std is off"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_plan_did_not_ask_for_differs_and_says_in_what(fault: str) -> None:
    name, change, said = FAULTS[fault]
    model, plan = drawn()
    with torch.no_grad():
        change(model.get_parameter(name))
    found = iw.diff(plan, model)
    assert statuses(found) == {name: "differs"}
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(found[name].reason)
    assert iw.diff(model, plan)[name].reason == found[name].reason


def test_a_swapped_fan_is_told_by_the_ratio() -> None:
    model = nn.Linear(64, 256, bias=False)
    plan = iw.plan(model, iw.rule("weight", iw.LecunNormal()))
    nn.init.normal_(model.weight, std=256**-0.5)
    row = iw.diff(plan, model)["weight"]
    assert row.status == "differs"
    assert row.ratio == pytest.approx(0.5, rel=0.03)
    assert iw.diff(model, plan)["weight"].ratio == pytest.approx(2.0, rel=0.03)
    assert (row.law_a, row.std_a, row.fans) == ("N(0, 0.125²)", 0.125, "64 -> 256")


def test_an_excess_without_meaning_agrees_however_many_values_show_it() -> None:
    model = nn.Linear(2048, 2048, bias=False)
    plan = iw.plan(model, iw.rule("weight", iw.Normal(std=0.02)))
    iw.apply(model, plan)
    with torch.no_grad():
        model.weight.mul_(1.01)
    assert iw.diff(plan, model).same
    assert iw.diff(plan, model)["weight"].ratio == pytest.approx(1.01, rel=2e-3)


def test_what_is_kept_or_has_no_law_is_no_difference_and_not_said_to_agree() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    custom = iw.Custom(lambda shape, fans, draw: draw.normal(shape))
    plan = iw.plan(model, [iw.rule("0.*", iw.Keep()), iw.rule("1.weight", custom), iw.rule("1.bias", iw.Zeros())])
    iw.apply(model, plan)
    found = iw.diff(plan, model)
    assert {row.name: row.status for row in found.rows} == {
        "0.weight": "kept",
        "0.bias": "kept",
        "1.weight": "not testable",
        "1.bias": "agrees",
    }
    assert found.same
    assert [line[1] for line in found.table().rows] == ["not testable"]
    assert found.verdict() == "4 compared: 2 kept, 1 not testable, 1 agree."


def test_a_plan_for_another_model_names_what_does_not_fit() -> None:
    model, plan = drawn()
    model.head = nn.Linear(64, 100)
    model.extra = nn.Linear(2, 2, bias=False)
    del model.conv
    assert statuses(iw.diff(plan, model)) == {
        "conv.weight": "only in a",
        "conv.bias": "only in a",
        "head.weight": "shape differs",
        "head.bias": "shape differs",
        "extra.weight": "only in b",
    }
    model, plan = drawn()
    assert iw.diff(plan, model.bfloat16())["norm.weight"].status == "dtype differs"


def test_a_tie_that_the_plan_has_and_the_model_lost_differs() -> None:
    tied = Net(tied=True)
    plan = iw.plan(tied, RULES[:1] + RULES[1:4] + RULES[5:])
    iw.apply(tied, plan)
    assert iw.diff(plan, tied).same
    tied.head.weight = nn.Parameter(tied.embed.weight.detach().clone())
    assert set(statuses(iw.diff(plan, tied)).values()) == {"ties differ"}


@pytest.mark.parametrize("wrap", [weight_norm, orthogonal])
def test_a_weight_behind_a_parametrization_is_measured_as_the_module_computes_it(
    wrap: Callable[[nn.Module], nn.Module],
) -> None:
    model: Any = nn.Sequential(wrap(nn.Linear(32, 32)))
    plan = iw.plan(model, [iw.rule("0.weight", iw.Orthogonal()), iw.rule("0.bias", iw.Zeros())])
    iw.apply(model, plan)
    found = iw.diff(plan, model)
    assert found.same
    assert found["0.weight"].std_b == pytest.approx(32**-0.5, rel=1e-2)
    with torch.no_grad():
        model[0].bias.add_(1)
    assert statuses(iw.diff(plan, model)) == {"0.bias": "differs"}


def test_a_parametrization_that_fails_is_told_and_stops_nothing() -> None:
    class Broken(nn.Module):
        failing = False

        def forward(self, values: Tensor) -> Tensor:
            if self.failing:
                raise RuntimeError("no such weight")
            return values

        def right_inverse(self, values: Tensor) -> Tensor:
            return values

    model = nn.Linear(4, 4)
    way = Broken()
    nn.utils.parametrize.register_parametrization(model, "weight", way)
    plan = iw.plan(model, "xavier")
    iw.apply(model, plan)
    assert iw.diff(plan, model).same
    way.failing = True
    said = "the weight cannot be computed: RuntimeError: no such weight"
    assert iw.diff(plan, model)["weight"].reason == said
    found = iw.diff(model, model)
    assert (found["weight"].status, found["weight"].reason) == ("no values", said)
    assert found["bias"].same


def test_a_model_without_values_is_refused_with_what_to_do() -> None:
    model, plan = drawn()
    with torch.device("meta"):
        empty = Net()
    said = r"diff: b is on the meta device \('embed.weight' and all others\) and holds no values; give it memory"
    with pytest.raises(iw.ArgumentError, match=said):
        iw.diff(plan, empty)
    with pytest.raises(iw.ArgumentError, match=r"diff: a is on the meta device .*; b is on the meta device"):
        iw.diff(empty, empty)
    model.head.weight = nn.Parameter(torch.empty(300, 64, device="meta"))
    assert statuses(iw.diff(plan, model)) == {"head.weight": "no values"}
    assert iw.diff(model, drawn()[0])["head.weight"].reason == "it is on the meta device in a"


def test_a_model_and_its_copy_are_the_same_bit_for_bit_wrapped_or_not() -> None:
    model, _ = drawn()
    found = iw.diff(model, copy.deepcopy(model))
    assert found.same
    assert {row.largest for row in found.rows} == {0.0}
    assert len(found.rows) == len(list(model.parameters())) + len(list(model.buffers()))
    compiled: Any = torch.compile(model, backend="eager")
    assert iw.diff(compiled, nn.DataParallel(model)).same


def test_nan_equals_itself_and_zero_is_not_minus_zero() -> None:
    model = nn.Linear(2, 2)
    with torch.no_grad():
        model.weight.fill_(float("nan"))
    assert iw.diff(model, copy.deepcopy(model)).same
    with torch.no_grad():
        model.weight.zero_()
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.weight.neg_()
    assert statuses(iw.diff(model, other)) == {"weight": "same law"}


def test_two_draws_of_one_plan_follow_one_law_with_other_numbers() -> None:
    found = iw.diff(drawn(1)[0], drawn(2)[0])
    drawn_ones = {row.name: row.status for row in found.rows if row.status != "same"}
    assert set(drawn_ones.values()) == {"same law"}
    assert set(drawn_ones) == {
        "embed.weight",
        "attention.in_proj_weight",
        "attention.out_proj.weight",
        "lstm.weight_ih_l0",
        "lstm.weight_hh_l0",
        "conv.weight",
        "head.weight",
    }
    assert not found.same
    row = found["head.weight"]
    assert row.law_a == row.law_b == "like a normal law"
    assert row.ratio == pytest.approx(1.0, abs=0.02)
    assert row.largest is not None
    assert row.largest > 0.2


def test_models_of_other_laws_differ_in_std_mean_or_shape() -> None:
    one, other = nn.Linear(128, 128), nn.Linear(128, 128)
    nn.init.normal_(one.weight, std=0.1)
    cases: list[tuple[Callable[[Tensor], object], str]] = [
        (lambda w: nn.init.normal_(w, std=0.105), "the std differs"),
        (lambda w: nn.init.normal_(w, mean=0.02, std=0.1), "the mean differs: "),
        (lambda w: nn.init.uniform_(w, -0.1 * 3**0.5, 0.1 * 3**0.5), "the shape of the law differs"),
        (nn.init.zeros_, "one number everywhere"),
        (lambda w: w.fill_(float("inf")), "values are not finite"),
    ]
    for change, said in cases:
        with torch.no_grad():
            change(other.weight)
        row = iw.diff(one, other)["weight"]
        assert row.status == "differs", said
        assert row.reason.startswith(said)


def test_a_model_that_was_trained_on_is_told_by_how_much_it_moved() -> None:
    model, _ = drawn()
    moved = copy.deepcopy(model)
    with torch.no_grad():
        moved.head.weight.add_(1e-3)
        moved.norm.running_mean.add_(1.0)
        moved.norm.num_batches_tracked.add_(1)
    found = iw.diff(model, moved)
    assert statuses(found) == {
        "head.weight": "same law",
        "norm.running_mean": "differs",
        "norm.num_batches_tracked": "differs",
    }
    assert found["head.weight"].largest == pytest.approx(1e-3, rel=1e-3)
    assert found["head.weight"].reason == "correlated: one comes from the other"
    assert found["norm.num_batches_tracked"].largest == 1.0


def test_models_that_differ_in_shapes_dtypes_ties_and_names() -> None:
    one, other = Net(tied=True), Net()
    other.lstm = nn.LSTM(32, 12)
    other.conv.to(torch.bfloat16)
    other.norm.register_buffer("extra", torch.ones(1))
    other.bonus = nn.Linear(1, 1, bias=False)
    found = statuses(iw.diff(one, other))
    assert found["lstm.weight_ih_l0"] == "shape differs"
    assert found["conv.weight"] == "dtype differs"
    assert found["norm.extra"] == "only in b"
    assert found["bonus.weight"] == "only in b"
    said = iw.diff(one, other)["head.weight"].reason
    assert "tied with head.weight in a, with nothing in b" in said


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64, torch.complex64, torch.complex128])
def test_any_dtype_is_compared(dtype: torch.dtype) -> None:
    one = nn.ParameterList([torch.randn(40, 30).to(dtype)])
    other = copy.deepcopy(one)
    assert iw.diff(one, other).same
    with torch.no_grad():
        other[0][3, 4] += 0.5
    row = iw.diff(one, other)["0"]
    assert row.status == "same law"
    assert row.largest == pytest.approx(0.5, rel=0.02)


def test_views_with_other_strides_are_compared_by_their_elements() -> None:
    values = torch.randn(700, 500)
    one, other = nn.ParameterList([values]), nn.ParameterList([values.T.contiguous().T])
    assert other[0].stride() != one[0].stride()
    assert iw.diff(one, other).same
    with torch.no_grad():
        other[0][699, 499] += 1
    assert iw.diff(one, other)["0"].largest == pytest.approx(1.0, abs=1e-5)


def test_comparing_reads_only() -> None:
    model, plan = drawn()
    other, _ = drawn(5)
    before = iw.digest(model), iw.digest(other), torch.random.get_rng_state().tolist()
    iw.diff(plan, model)
    iw.diff(model, other)
    assert (iw.digest(model), iw.digest(other), torch.random.get_rng_state().tolist()) == before


def test_the_table_of_two_models_shows_ranges_over_like_layers() -> None:
    one = nn.Sequential(*(nn.Linear(64, 64, bias=False) for _ in range(3)))
    other = nn.Sequential(*(nn.Linear(64, 64, bias=False) for _ in range(3)))
    (line,) = iw.diff(one, other).table().rows
    assert line[:4] == ("0-2.weight", "x3", "same law", "64 x 64")
    assert " to " in "".join(line[4:])
    printed = str(iw.diff(one, other))
    assert printed.splitlines()[0].split("  ")[0] == "parameters"
    assert "a: model Sequential of 3 parameters" in printed
    assert printed.endswith("3 compared: 3 same law.")
