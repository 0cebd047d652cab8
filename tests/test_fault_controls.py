"""Controls of the fault benchmark: models without a fault that run as a user would run them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.faults.case import Case
from benchmarks.faults.control import first

FOLDER = Path(__file__).parent.parent / "benchmarks" / "faults" / "cases"
NAMES = sorted(path.stem for path in FOLDER.glob("controls_*.py"))
CASES: list[Case] = [
    case for name in NAMES for case in importlib.import_module(f"benchmarks.faults.cases.{name}").CASES
]


def tensors(model: nn.Module) -> Iterator[torch.Tensor]:
    yield from model.parameters()
    yield from model.buffers()


def test_there_are_many_controls_and_each_has_a_name_of_its_own() -> None:
    assert len(CASES) >= 50
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_control_claims_no_fault_and_says_why_one_would_see_one(case: Case) -> None:
    assert (case.family, case.mended, case.labels, case.codes) == ("CONTROL", None, (), ())
    assert case.source.startswith("https://")
    assert case.about.endswith(".")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_control_is_the_same_model_each_time_and_runs_to_a_finite_loss(case: Case) -> None:
    model, again = case.build(), case.build()
    assert all(torch.equal(a, b) for a, b in zip(tensors(model), tensors(again), strict=True))
    assert all(parameter.grad is None for parameter in model.parameters())

    assert case.inputs is not None
    assert case.loss is not None
    output = model(*case.inputs())
    assert torch.isfinite(torch.view_as_real(y) if (y := first(output)).is_complex() else y).all()
    loss = case.loss(output)
    loss.backward()
    assert loss.dim() == 0
    assert torch.isfinite(loss)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_inputs_of_a_control_are_the_same_each_time(case: Case) -> None:
    assert case.inputs is not None
    assert all(torch.equal(a, b) for a, b in zip(case.inputs(), case.inputs(), strict=True))
