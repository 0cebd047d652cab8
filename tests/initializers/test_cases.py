"""What holds for every initializer: the table of tests/cases.py against values, text and data."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle

import pytest
import torch

import initwise.initializers as iw
from initwise.errors import ArgumentError
from tests.cases import CASES, CONSTANT, ELEMENTWISE, RATES, STRUCTURED, Case, values
from tests.checks import problems

every_case = pytest.mark.parametrize("case", CASES, ids=str)
NAMES = {name: getattr(iw, name) for name in iw.__all__}


def of_dtype(case: Case, dtype: torch.dtype) -> iw.Target:
    return dataclasses.replace(case.target, dtype=dtype)


@every_case
def test_the_declared_law_is_that_of_the_formula(case: Case) -> None:
    law = case.initializer.law(case.target)
    assert law is not None
    assert law.mean == pytest.approx(case.mean, rel=1e-12, abs=1e-15)
    assert law.std == pytest.approx(case.std, rel=1e-9)
    assert law.support == pytest.approx(case.support, rel=1e-9)
    if case.described:
        assert law.describe() == case.described


@every_case
def test_drawn_values_have_the_declared_law(case: Case) -> None:
    law = case.initializer.law(case.target)
    assert law is not None
    assert problems(values(case.initializer, case.target), law) == []


@every_case
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64], ids=str)
def test_drawn_values_have_the_declared_law_in_other_dtypes(case: Case, dtype: torch.dtype) -> None:
    target = of_dtype(case, dtype)
    law = case.initializer.law(target)
    assert law is not None
    drawn = values(case.initializer, target)
    assert drawn.dtype == dtype
    assert problems(drawn, law) == []


@pytest.mark.parametrize("case", [case for case in CASES if case not in RATES], ids=str)
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128], ids=str)
def test_drawn_values_have_the_declared_law_in_complex_dtypes(case: Case, dtype: torch.dtype) -> None:
    target = of_dtype(case, dtype)
    law = case.initializer.law(target)
    assert law is not None
    drawn = values(case.initializer, target)
    assert problems(drawn, law) == []
    second_moment = float((drawn - drawn.mean()).abs().square().mean())
    assert second_moment == pytest.approx(law.std**2, rel=0.1, abs=1e-12)


@pytest.mark.parametrize("case", RATES, ids=str)
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128], ids=str)
def test_rates_have_no_imaginary_part(case: Case, dtype: torch.dtype) -> None:
    with pytest.raises(ArgumentError, match=f"dtype (is )?{dtype}.*allowed are"):
        case.initializer.law(of_dtype(case, dtype))
    with pytest.raises(ArgumentError, match="allowed are"):
        case.initializer.values(of_dtype(case, dtype), iw.Stream(0, "weight"))


@pytest.mark.parametrize("case", [case for case in ELEMENTWISE if case.mean == 0], ids=str)
def test_complex_values_of_variance_laws_have_the_variance_of_real_ones(case: Case) -> None:
    law = case.initializer.law(of_dtype(case, torch.complex64))
    assert law is not None
    assert law.std == pytest.approx(case.std, rel=1e-9)


@pytest.mark.parametrize("case", STRUCTURED, ids=str)
def test_half_precision_is_the_rounding_of_single_precision(case: Case) -> None:
    half = values(case.initializer, of_dtype(case, torch.bfloat16))
    assert torch.equal(half, values(case.initializer, case.target).to(torch.bfloat16))


@every_case
def test_repr_can_be_pasted_back(case: Case) -> None:
    assert eval(repr(case.initializer), dict(NAMES)) == case.initializer  # noqa: S307 - it is what is tested


@every_case
def test_initializers_are_values(case: Case) -> None:
    same = copy.deepcopy(case.initializer)
    assert same == case.initializer
    assert hash(same) == hash(case.initializer)
    assert pickle.loads(pickle.dumps(case.initializer)) == case.initializer  # noqa: S301 - our own bytes
    assert sum(other.initializer == case.initializer for other in CASES) == 1


@every_case
def test_initializers_are_frozen(case: Case) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign"):
        case.initializer.anything = 1  # type: ignore[attr-defined]


@every_case
def test_initializers_survive_as_json(case: Case) -> None:
    data = json.loads(json.dumps(iw.to_data(case.initializer), allow_nan=False))
    assert data["kind"] == type(case.initializer).__name__
    assert iw.from_data(data) == case.initializer


@every_case
def test_laws_are_values_too(case: Case) -> None:
    law = case.initializer.law(case.target)
    assert law == case.initializer.law(case.target)
    assert hash(law) == hash(case.initializer.law(case.target))


@every_case
def test_no_initializer_touches_the_global_random_state(case: Case) -> None:
    before = torch.get_rng_state()
    values(case.initializer, case.target)
    case.initializer.law(case.target)
    assert torch.equal(before, torch.get_rng_state())


@every_case
@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.float8_e4m3fn], ids=str)
def test_dtypes_without_fractions_are_refused(case: Case, dtype: torch.dtype) -> None:
    with pytest.raises(ArgumentError, match=f"the dtype is {dtype}; allowed are float16"):
        case.initializer.law(of_dtype(case, dtype))


@every_case
def test_empty_targets_are_refused(case: Case) -> None:
    with pytest.raises(ArgumentError, match="has no elements"):
        case.initializer.draw(dataclasses.replace(case.target, shape=(0, *case.target.shape[1:])))


@pytest.mark.parametrize("case", [*CONSTANT, *STRUCTURED], ids=str)
def test_invariants_notice_one_changed_value(case: Case) -> None:
    law = case.initializer.law(case.target)
    assert law is not None
    assert law.invariants
    drawn = values(case.initializer, case.target)
    changed = drawn + 0.5 * (torch.arange(drawn.numel()).reshape(drawn.shape) == drawn.numel() // 2)
    zeroed = drawn * (torch.arange(drawn.numel()).reshape(drawn.shape) != drawn.argmax())
    if case.mean != 0 or case.std != 0:
        assert any(invariant.check(zeroed) for invariant in law.invariants)
    if law.name != "sparse":
        assert any(invariant.check(changed) for invariant in law.invariants)
    assert all(invariant.describe() for invariant in law.invariants)


def test_the_table_names_every_initializer() -> None:
    tested = {type(case.initializer).__name__ for case in CASES}
    kinds = {name for name, value in NAMES.items() if isinstance(value, type) and issubclass(value, iw.Initializer)}
    assert kinds - tested == {
        "Initializer",
        "ElementWise",
        "Mapped",
        "Custom",
        "Keep",
        "PerBlock",
        "NewRows",
        "MeanOfRows",
    }
