"""Controls of the fault benchmark: models without a fault that run as a user would run them."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.faults.case import Case
from benchmarks.faults.cases import stock
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


def test_stock_models_are_many_and_most_come_with_inputs() -> None:
    assert len({case.name for case in stock.CASES}) == len(stock.CASES) >= 60
    for library in stock.SOURCES:
        mine = [case for case in stock.CASES if case.name.startswith(library)]
        assert len(mine) >= 25
        assert sum(case.inputs is not None for case in mine) >= len(mine) / 2


@pytest.mark.parametrize(
    ("library", "name", "classes"),
    [("torchvision", "squeezenet1_1", 1000), ("timm", "lcnet_050", 1000), ("transformers", "GPT2LMHeadModel", 1000)],
)
def test_a_stock_model_gets_inputs_that_fit_and_stays_as_it_is(library: str, name: str, classes: int) -> None:
    importlib.import_module("tests.peers")  # makes torchvision and timm importable
    pytest.importorskip(library)
    case = next(case for case in stock.CASES if case.name == f"{library} {name}")
    model = case.build()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    assert case.inputs is not None
    assert case.loss is not None
    args, kwargs = case.inputs()
    assert model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert case.loss(model(*args, **kwargs)).item() == pytest.approx(math.log(classes), abs=0.2)


def test_a_stock_model_that_nobody_holds_is_made_again_for_its_inputs_and_not_kept() -> None:
    made = []

    def make() -> nn.Module:
        made.append(1)
        return nn.Linear(4, 3)

    case = stock.Stock(make)
    model = case.build()
    (inputs,), _ = case.inputs()
    assert (tuple(inputs.shape), len(made)) == ((2, 4), 1)
    del model
    assert case.last[0]() is None
    case.inputs()
    assert len(made) == 2


def test_inputs_that_nothing_fits_are_an_error_with_the_models_name() -> None:
    class Strange(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise ValueError("nothing fits")

    with pytest.raises(RuntimeError, match="Strange: no example inputs fit"):
        stock.Stock(lambda: Strange(4, 3)).inputs()
