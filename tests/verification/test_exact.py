"""The plan's own numbers are drawn again and compared bit for bit; what differs is told with how much and where."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

import initwise as iw
from initwise.initializers import Initializer

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.complex64]
LAYOUTS: dict[str, Callable[[], Tensor]] = {
    "contiguous": lambda: torch.empty(300, 700),
    "transposed": lambda: torch.empty(700, 300).t(),
    "every second column": lambda: torch.empty(300, 1400)[:, ::2],
    "one axis": lambda: torch.empty(210_000),
    "a kernel in channels_last": lambda: torch.empty(64, 48, 3, 3).to(memory_format=torch.channels_last),
    "a scalar": lambda: torch.empty(()),
}
LAW = iw.rule("weight", iw.TruncatedNormal(mean=0.1, std=0.02))


class _Holder(nn.Module):
    def __init__(self, tensor: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(tensor)


def _drawn(model: nn.Module, rules: Any, seed: int = 5) -> tuple[Any, iw.Plan]:
    plan = iw.plan(model, rules, seed=seed)
    iw.apply(model, plan)
    return model, plan


def _linear(rules: Any = LAW) -> tuple[Any, iw.Plan]:
    return _drawn(nn.Linear(700, 300, bias=False), rules)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_layout_and_dtype_agrees_bit_for_bit_and_one_change_is_found(layout: str, dtype: torch.dtype) -> None:
    tensor = LAYOUTS[layout]()
    like = torch.empty_strided(tensor.shape, tensor.stride(), dtype=dtype)
    model, plan = _drawn(_Holder(like), LAW)
    report = iw.verify(model, plan)
    assert [(row.verdict, row.proof) for row in report.rows] == [("ok", "bit for bit")]
    if tensor.dim() == 0:
        return
    place = tuple(size * 2 // 3 for size in tensor.shape)
    expected = model.weight[place].item()
    with torch.no_grad():
        first = model.weight[(0,) * tensor.dim()]
        model.weight[place] = first
        model.weight[tuple(size - 1 for size in tensor.shape)] = first
    (finding,) = iw.verify(model, plan).findings
    assert finding.code == "INI109"
    assert finding.message.startswith(f"2 of {tensor.numel():,} values")
    assert finding.message.endswith(f"first at {list(place)}")
    assert finding.expected == f"{expected:.9g}"
    assert finding.measured == f"{model.weight[place].item():.9g} there"


def test_the_first_difference_is_the_first_in_the_parameters_own_order_not_in_memorys() -> None:
    model, plan = _drawn(_Holder(torch.empty(700, 300).t()), LAW)
    with torch.no_grad():
        model.weight[200, 2] = model.weight[1, 400] = 0.1
    (finding,) = iw.verify(model, plan).findings
    assert finding.message.endswith("first at [1, 400]")


def test_a_value_that_is_not_a_number_and_a_zero_with_another_sign_differ() -> None:
    model, plan = _linear()
    with torch.no_grad():
        model.weight[4, 5] = math.nan
        model.weight[7, 8] = -0.0
    findings = iw.verify(model, plan).findings
    assert [finding.code for finding in findings] == ["INI109", "INI101"]
    assert findings[0].measured == "nan there"
    assert findings[0].message.startswith("2 of")


def test_weights_of_another_seed_are_held_to_their_law() -> None:
    model, plan = _linear()
    _drawn(model, LAW, seed=6)
    report = iw.verify(model, plan)
    assert report.ok
    assert [(row.verdict, row.proof) for row in report.rows] == [("ok", "by its law")]
    assert "1 by its law" in report.table.notes
    assert report.rows[0].p is not None
    assert report.rows[0].allowed_std is not None


def test_a_weight_of_others_beside_the_plans_own_numbers_is_an_error_though_it_holds_its_law() -> None:
    model, plan = _drawn(nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64)), "xavier")
    torch.manual_seed(0)
    nn.init.xavier_uniform_(model[1].weight)
    report = iw.verify(model, plan)
    (finding,) = report.findings
    assert (finding.code, finding.parameter) == ("INI109", "1.weight")
    assert finding.message.startswith("4,096 of 4,096 values (100 %) differ")
    assert iw.verify(model, plan, exact=False).ok
    nn.init.xavier_uniform_(model[0].weight)
    assert iw.verify(model, plan).ok  # now nothing says that the plan wrote any of it


def test_a_law_that_is_broken_is_told_as_that() -> None:
    model, plan = _drawn(nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64)), "xavier")
    torch.manual_seed(0)
    nn.init.normal_(model[1].weight, std=0.5)
    codes = {finding.code for finding in iw.verify(model, plan).findings}
    assert {"INI102", "INI104"} <= codes <= {"INI102", "INI103", "INI104"}


@pytest.mark.parametrize("share", [0.03, 0.5, 0.9])
def test_a_weight_of_which_a_part_was_drawn_by_others_is_the_plans(share: float) -> None:
    model, plan = _linear()
    rows = round(300 * share)
    with torch.no_grad():
        model.weight[:rows].normal_(0.1, 0.005)
    codes = {finding.code for finding in iw.verify(model, plan).findings}
    assert "INI109" in codes


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("initializer", [iw.Normal(1.0, 1e-3), iw.Normal(0.1, 1e-3), iw.Uniform(0.0, 1.0)])
@pytest.mark.parametrize("shape", [(64, 64), (2, 3)])
def test_numbers_that_coincide_by_rounding_do_not_make_a_weight_the_plans(
    dtype: torch.dtype, initializer: Initializer, shape: tuple[int, int]
) -> None:
    rules = iw.rule("weight", initializer)
    for seed in range(10):
        model, plan = _drawn(nn.Linear(*shape, bias=False, dtype=dtype), rules, seed=seed)
        _drawn(model, rules, seed=seed + 100)
        assert not [finding for finding in iw.verify(model, plan).findings if finding.code == "INI109"]


def test_whoever_requires_the_plans_own_numbers_gets_an_error_for_others() -> None:
    model, plan = _linear()
    assert iw.verify(model, plan, exact="required").ok
    _drawn(model, LAW, seed=6)
    (finding,) = iw.verify(model, plan, exact="required").findings
    assert (finding.code, finding.message.split(" (")[0]) == ("INI109", "210,000 of 210,000 values")


def test_nothing_is_drawn_again_where_only_laws_are_asked_for() -> None:
    model, plan = _linear()
    with torch.no_grad():
        model.weight[3, 4] += 1e-4
    report = iw.verify(model, plan, exact=False)
    assert [(row.verdict, row.proof) for row in report.rows] == [("ok", "by its law")]


STRUCTURED = [iw.Orthogonal(), iw.Sparse(), iw.Identity(), iw.TimeStepBias(floor=1e-2), iw.LogOfUniform(1.0, 16.0)]


@pytest.mark.parametrize("initializer", STRUCTURED, ids=repr)
@pytest.mark.parametrize("exact", [True, False])
def test_structured_laws_are_drawn_again_as_a_whole(initializer: Initializer, exact: bool) -> None:
    model, plan = _drawn(nn.Linear(64, 64, bias=False), iw.rule("weight", initializer))
    (row,) = iw.verify(model, plan, exact=exact).rows
    assert (row.verdict, row.proof) == ("ok", "bit for bit" if exact else "by its law")
    with torch.no_grad():
        model.weight[5, 6] += 0.01
    findings = iw.verify(model, plan).findings
    assert findings[0].code == "INI109"
    assert findings[0].message == "1 of 4,096 values (0.0244 %) differ from what the plan wrote, first at [5, 6]"


def test_an_orthogonal_matrix_of_another_thread_count_agrees_up_to_rounding() -> None:
    model, plan = _drawn(nn.Linear(64, 64, bias=False), iw.rule("weight", iw.Orthogonal()))
    with torch.no_grad():
        model.weight.mul_(1 + 2e-7)
    (row,) = iw.verify(model, plan).rows
    assert (row.verdict, row.proof) == ("ok", "up to rounding")


def test_what_was_written_through_a_parametrization_agrees_up_to_rounding() -> None:
    model, plan = _drawn(parametrizations.weight_norm(nn.Linear(24, 16)), "xavier")
    assert [row.proof for row in iw.verify(model, plan).rows] == ["bit for bit", "up to rounding"]
    with torch.no_grad():
        model.parametrizations.weight.original0[3] *= 1.5
    finding = iw.verify(model, plan).findings[0]
    assert (finding.code, finding.parameter) == ("INI109", "weight")
    assert finding.message == "24 of 384 values (6.25 %) differ from what the plan wrote, first at [3, 0]"


def test_the_blocks_of_a_packed_weight_are_compared_one_by_one() -> None:
    packed = iw.PerBlock(q=iw.Orthogonal(), k=iw.Normal(std=0.1), v=iw.Keep())
    rules = [iw.rule("in_proj_weight", packed), iw.rule("out_proj.weight", iw.Zeros())]
    model, plan = _drawn(nn.MultiheadAttention(16, 2, bias=False), rules)
    assert iw.verify(model, plan).rows[0].verdict == "ok; not testable: v"
    with torch.no_grad():
        model.in_proj_weight[20, 3] = 0.05
        model.in_proj_weight[40] = 7.0
    (finding,) = iw.verify(model, plan).findings
    assert finding.parameter == "in_proj_weight [k]"
    assert finding.message.endswith("first at [20, 3]")


def test_padding_rows_are_left_out_and_rows_after_them_found_in_their_place() -> None:
    model, plan = _drawn(nn.Embedding(1000, 300, padding_idx=3), iw.rule("weight", iw.Normal()))
    assert iw.verify(model, plan).rows[0].proof == "bit for bit"
    with torch.no_grad():
        model.weight[4, 7] = 0.0
    (finding,) = iw.verify(model, plan).findings
    assert finding.message.startswith("1 of 299,700 values")
    assert finding.message.endswith("first at [4, 7]")


def test_values_of_a_users_function_are_held_to_the_law_that_it_declares() -> None:
    calls = []

    def function(shape: tuple[int, ...], fans: object, draw: Any) -> Tensor:
        calls.append(shape)
        return draw.normal(shape)  # type: ignore[no-any-return]

    rules = iw.rule("weight", iw.Custom(function, law=iw.Law(mean=0.0, std=1.0)))
    model, plan = _drawn(nn.Linear(100, 100, bias=False), rules)
    (row,) = iw.verify(model, plan).rows
    assert (row.verdict, row.proof) == ("ok", "by its law")
    assert len(calls) == 1  # by apply; verify does not call it


def test_threads_and_the_numpy_backend_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model, plan = _linear()
    with torch.no_grad():
        model.weight[250, 3] = 0.1
    reports = [iw.verify(model, plan)]
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    reports.append(iw.verify(model, plan))
    monkeypatch.setattr("initwise.random._numba.kernel", lambda lowered: None)
    reports.append(iw.verify(model, plan))
    assert len({str(report) for report in reports}) == 1


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"exact": "yes"}, r"exact is 'yes'; allowed are True, False and 'required'"),
        ({"margin": -0.1}, "margin is -0.1, and must not be negative"),
        ({"margin": math.nan}, "margin is nan, and must be finite"),
        ({"margin": "2 %"}, r"margin is '2 %' of type str, not a number"),
    ],
)
def test_options_are_checked(options: dict[str, Any], match: str) -> None:
    model, plan = _linear()
    with pytest.raises(iw.errors.InitwiseError, match=match):
        iw.verify(model, plan, **options)
