"""The benchmark of blame: its plants are what they claim to be, and a few are asked from end to end."""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from benchmarks.culprits import asking, report
from benchmarks.culprits._plant import size
from benchmarks.culprits._plants import FIRST, SECOND, THIRD, Plant
from benchmarks.culprits.asking import Answer
from initwise.signals import Culprit, Verdict

ALL = (*FIRST, *SECOND, *THIRD)
LIBRARIES = {"torchvision", "timm", "transformers"}


def library(plant: Plant) -> str:
    name = getattr(getattr(plant.build, "func", plant.build), "__name__", "")
    return name if name in LIBRARIES else ""


OWN = [plant for plant in ALL if not library(plant)]
OTHERS = [plant for plant in ALL if library(plant)]
each_plant = pytest.mark.parametrize(
    "plant",
    [*OWN, *(pytest.param(plant, marks=pytest.mark.long) for plant in OTHERS)],
    ids=lambda plant: plant.name,
)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    importlib.import_module("tests.peers")  # makes torchvision and timm importable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other libraries that build models here
        yield


def planned(plant: Plant, *, meta: bool) -> tuple[nn.Module, iw.Plan, iw.Plan]:
    if name := library(plant):
        pytest.importorskip(name)
    model = plant.model(meta=meta)
    return model, *plant.plans(model)


def test_there_are_three_lists_of_twenty_and_no_model_is_in_two() -> None:
    assert [len(each) for each in (FIRST, SECOND, THIRD)] == [20, 20, 20]
    assert len({plant.name for plant in ALL}) == 60
    assert all(plant.mistake.endswith(".") for plant in ALL)
    assert min(sum(plant.fix == way for plant in ALL) for way in ("smaller", "larger")) >= 8


@each_plant
def test_the_plans_differ_in_what_is_labelled_and_nowhere_else(plant: Plant) -> None:
    _, right, wrong = planned(plant, meta=True)
    changed = [row.name for row in right if row.initializer != wrong[row.name].initializer]
    assert changed
    assert changed == [row.name for row in right if plant.is_label(row.name)]


@each_plant
def test_the_fix_undoes_the_mistake(plant: Plant) -> None:
    _, right, wrong = planned(plant, meta=True)
    names = [row.name for row in right if plant.is_label(row.name)]
    assert {size(right, name) < size(wrong, name) for name in names} == {plant.fix == "smaller"}


@each_plant
def test_a_plant_changes_what_its_layer_puts_out_by_more_than_a_factor_of_three(plant: Plant) -> None:
    model, right, wrong = planned(plant, meta=False)
    twin, planted = ({**squares(plant, model, plan)} for plan in (right, wrong))
    assert max(abs(math.log(planted[name]) - math.log(twin[name] or 1e-30)) for name in twin) > math.log(3)


def squares(plant: Plant, model: nn.Module, plan: iw.Plan) -> Mapping[str, float]:
    """E[x^2] of what the modules that own the labelled parameters put out."""
    iw.apply(model, plan)
    for module in model.modules():
        module.training = isinstance(module, nn.modules.batchnorm._BatchNorm)
    owners = {row.path.rpartition(".")[0] for row in plan if plant.is_label(row.name)}
    found: dict[str, float] = {}

    def seen(name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            found.setdefault(name, first(output).float().square().mean().item())

        return hook

    hooks = [model.get_submodule(name).register_forward_hook(seen(name)) for name in owners]
    inputs = plant.inputs()
    with torch.no_grad():
        model(**inputs) if isinstance(inputs, dict) else model(*inputs)
    for hook in hooks:
        hook.remove()
    return found


def first(output: Any) -> Tensor:
    return output if isinstance(output, Tensor) else first(output[0])


def verdict(parameter: str | None, *, found: float = 1.0, wanted: float = 0.1, ok: bool = False) -> Verdict:
    culprit = None if parameter is None else Culprit(3, parameter, "a law", found, wanted, "It grows.", "Mend it")
    return Verdict("x -> y", "forward", (0, 3), (), None, (0.5, 2.0), ok, culprit, "A verdict.")


def answer(*verdicts: Verdict, twin: bool = False) -> Answer:
    plant = ALL[0]
    _, right, _ = planned(plant, meta=True)
    return asking._answer(plant, "predicted", verdicts, right, 0.0, twin=twin)


LABEL = FIRST[0].labels[0]
GOOD = verdict(None, ok=True)


def test_the_first_verdict_that_is_not_ok_must_name_the_label() -> None:
    assert answer(GOOD, verdict(LABEL), verdict("0.weight")).verdict == "right"
    assert answer(verdict("0.weight"), verdict(LABEL)).verdict == "wrong"
    assert answer(verdict(""), verdict(LABEL)).verdict == "wrong"
    assert answer(verdict(None), verdict(LABEL)).verdict == "silent"
    assert answer(GOOD).verdict == "silent"
    assert answer().verdict == "silent"


def test_a_twin_is_clean_where_no_verdict_names_anybody() -> None:
    assert answer(GOOD, verdict(None), twin=True).verdict == "clean"
    assert answer(verdict(None), verdict("0.weight"), twin=True).verdict == "alarm"
    assert answer(verdict(""), twin=True).verdict == "alarm"


def test_a_proposal_has_a_direction_and_is_near_within_thirty_percent() -> None:
    right = answer(verdict(LABEL)).right
    assert right is not None
    near = answer(verdict(LABEL, wanted=right * 1.29))
    assert (near.direction, near.near) == (True, True)
    far = answer(verdict(LABEL, wanted=right / 1.31))
    assert (far.direction, far.near) == (True, False)
    assert answer(verdict(LABEL, wanted=2.0)).direction is False
    assert answer(verdict("0.weight")).direction is None


def test_the_page_counts_plants_and_twins_apart() -> None:
    answers = [
        answer(verdict(LABEL)), answer(verdict("0.weight")), answer(), answer(verdict("0.weight"), twin=True),
        answer(twin=True), Answer(ALL[0], "predicted", twin=False, failure="ValueError: no"),
    ]  # fmt: skip
    text = "\n".join(report.table(report.summed({"new": answers})))
    assert "| new | predicted | **1 of 4** | 1 | 1 | 1 | 1 of 2 | 0 | 1 of 1 | 1 of 1 |" in text


@pytest.mark.parametrize(
    "name", ["MLP with GELU", "nanoGPT by hand", "dense autoencoder", "neural collaborative filtering"]
)
def test_a_plant_is_named_on_meta_its_fix_points_the_right_way_and_its_twin_is_clean(name: str) -> None:
    plant = next(plant for plant in ALL if plant.name == name)
    named = asking.ask(plant, "predicted", twin=False)
    assert (named.verdict, named.direction) == ("right", True), report.line(named)
    assert asking.ask(plant, "predicted", twin=True).verdict == "clean"


def test_what_fails_has_named_nobody_and_says_why() -> None:
    def broken() -> nn.Module:
        raise RuntimeError("no model")

    plant = Plant("broken", "It breaks.", broken, tuple, "auto", lambda _: [], ("weight",), "smaller")
    failed = asking.ask(plant, "measured", twin=False)
    assert (failed.verdict, failed.failure) == ("failed", "RuntimeError: no model")
