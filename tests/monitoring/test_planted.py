"""Mistakes that were planted are named, and right trainings are left alone: `python -m tests.monitoring.planted`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

import initwise as iw
from tests.monitoring.planted._cases import FIRST, FIRST_RIGHT, MISSED, SECOND, SECOND_RIGHT, Case
from tests.monitoring.planted._run import run, suggested

QUICK = {"mlp", "rectangular", "tanh", "lora"}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small layers are fastest so."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def cases() -> Iterator[object]:
    for case in (*FIRST, *FIRST_RIGHT, *SECOND, *SECOND_RIGHT):
        marks: list[pytest.MarkDecorator] = [] if case.task in QUICK else [pytest.mark.long]
        if (case.task, case.name) in MISSED:
            marks.append(pytest.mark.xfail(strict=True, reason=MISSED[case.task, case.name]))
        yield pytest.param(case, marks=marks, id=f"{case.task}: {case.name}")


@pytest.mark.parametrize("case", list(cases()))
def test_a_planted_mistake_is_named_and_nothing_else_and_of_its_right_twin_nothing(case: Case) -> None:
    result = run(case)
    assert result.named, str(result)
    assert result.others == ()


def of(task: str, name: str) -> Case:
    return next(each for each in (*FIRST, *SECOND) if (each.task, each.name) == (task, name))


def test_evidence_ties_a_weight_out_of_proportion_back_to_its_law() -> None:
    (change,) = suggested(of("rectangular", "fan_out for fan_in where it narrows")).changes
    assert (change.kind, change.parameter) == ("gain", "4.weight")
    assert change.old == "fan_out (KaimingNormal(mode='fan_out'))"
    assert change.new.startswith("VarianceScaling(")
    assert "times what the other matrices lead to expect; its output has the second moment" in change.evidence
    assert ", that of 2 before it" in change.evidence
    assert "; its weights were drawn with fan_out (KaimingNormal(mode='fan_out')), std 0.177, by" in change.evidence


@pytest.mark.long
def test_depth_scaling_is_suggested_with_the_growth_of_the_stream_and_ends_it() -> None:
    case = of("24 blocks", "no depth scaling")
    found = suggested(case)
    assert {change.kind for change in found.changes} == {"depth scaling"}
    assert len(found.changes) == 48
    assert "48 matrices write into the residual stream, and add" in found.changes[0].evidence
    assert "1 / sqrt(48) = 0.14 keeps the stream's size" in found.changes[0].evidence
    mended = Case("mended", case.task, rules=found.rules)
    assert suggested(mended).changes == ()


def test_what_is_suggested_ends_the_complaint() -> None:
    for name in ("fan_out for fan_in where it narrows", "fan_out for fan_in where it widens"):
        found = suggested(of("rectangular", name))
        assert suggested(Case("mended", "rectangular", rules=found.rules)).changes == ()


def test_of_two_factors_that_are_zero_one_is_to_be_drawn() -> None:
    found = suggested(of("lora", "both factors of LoRA zero"))
    assert [change.parameter for change in found.changes] == ["0.down.weight", "2.down.weight"]
    assert found.changes[0].evidence == (
        "0.down.weight and 0.up.weight behind it are zero, so that neither gets a gradient, in any of 11 steps: one of"
        " them must not be"
    )
    assert found.plan is not None
    assert found.plan["0.down.weight"].law.std > 0  # type: ignore[union-attr]
    assert found.plan["0.up.weight"].initializer == iw.Zeros()
