"""The fault benchmark: its cases are what they claim to be, and a few of its faults are found."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from fnmatch import fnmatchcase

import pytest
import torch
from torch import nn

import initwise as iw
from benchmarks.faults.case import Case
from benchmarks.faults.gathering import controls, faults
from benchmarks.faults.report import page, summary
from benchmarks.faults.scoring import Outcome, ask
from initwise.findings import Finding, found
from initwise.model import read

FAULTS = faults()
BY_NAME = {case.name: case for case in FAULTS}
EASY = (
    "encoder-copies-one-layer", "widened-without-noise", "clip-projection", "expert-bias-clobbered",
    "fused-norm-drawn-by-reset", "zeros-before-relu", "embedding-without-padding", "tied-head-of-unit-scale",
    "stacked-experts-by-torchs-fans", "depth-scale-on-w3-instead", "fan-of-the-shard", "replica-drawn-from-its-rank",
)  # fmt: skip
"""A fixed sample over families and tools; `make bench-faults` asks about all of them."""
OTHERS = ("bert-norms-drawn", "tie-lost-after-to-empty", "tie-replaced-by-shards")
"""Made of models that transformers builds."""

each_fault = pytest.mark.parametrize("case", FAULTS, ids=lambda case: case.name)


@dataclass
class Pair:
    """A faulty model, the same one built again, and the mended twin; for "record" what wrote each parameter of them."""

    case: Case
    faulty: nn.Module
    again: nn.Module
    twin: nn.Module
    writes: list[list[tuple[str, str, list[str]]]]


@pytest.fixture(scope="module", params=FAULTS, ids=lambda case: case.name)
def pair(request: pytest.FixtureRequest) -> Pair:
    case: Case = request.param
    assert case.mended is not None
    if case.name in OTHERS:
        pytest.importorskip("transformers")
    models, writes = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other libraries that build models here
        for build in (case.build, case.build, case.mended):
            with iw.record() if case.tool == "record" else nullcontext() as log:
                models.append(build())
            writes.append([(row.name, str(row.state), [str(write) for write in row.writes]) for row in log or ()])
    return Pair(case, models[0], models[1], models[2], writes)


def tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    own = dict(model.named_parameters(remove_duplicate=False))
    return own | dict(model.named_buffers(remove_duplicate=False))


def test_there_are_enough_faults_of_every_family_and_each_has_a_name_of_its_own() -> None:
    assert len(FAULTS) >= 45
    assert len({case.name for case in [*FAULTS, *controls()]}) == len(FAULTS) + len(controls())
    families = [case.family for case in FAULTS]
    assert min(families.count(family) for family in families) >= 5


@each_fault
def test_a_fault_says_what_is_wrong_where_it_was_suffered_and_what_would_name_it(case: Case) -> None:
    assert case.about.endswith(".")
    assert case.source.startswith("https://")
    assert case.labels
    assert case.codes
    assert (case.plan is not None) == (case.tool == "verify")
    assert case.loss is None or case.inputs is not None


def test_each_label_names_a_parameter_of_the_faulty_model(pair: Pair) -> None:
    have = {parameter.name for parameter in read(pair.faulty).parameters} | set(dict(pair.faulty.named_buffers()))
    assert [label for label in pair.case.labels if not any(fnmatchcase(name, label) for name in have)] == []


def test_the_twin_has_the_same_parameters_and_is_another_model(pair: Pair) -> None:
    faulty, twin = tensors(pair.faulty), tensors(pair.twin)
    assert {name: value.shape for name, value in faulty.items()} == {name: value.shape for name, value in twin.items()}
    if pair.case.tool == "record":  # memory that nobody wrote may hold anything
        assert pair.writes[0] != pair.writes[2]
    elif pair.case.family == "SHARED":
        assert len({id(value) for value in faulty.values()}) != len({id(value) for value in twin.values()})
    else:
        assert any(not torch.equal(faulty[name], twin[name]) for name in faulty)


def test_a_faulty_model_is_the_same_each_time(pair: Pair) -> None:
    first, second = tensors(pair.faulty), tensors(pair.again)
    if pair.case.tool == "record":
        assert pair.writes[0] == pair.writes[1]
    else:
        assert all(torch.equal(first[name].nan_to_num(), second[name].nan_to_num()) for name in first)


@pytest.mark.parametrize("name", EASY)
def test_a_sample_of_faults_is_found_and_their_twins_are_silent(name: str) -> None:
    case = BY_NAME[name]
    assert ask(case, "fault").verdict == "found"
    assert ask(case, "twin").verdict == "clean"


def said(code: str, parameter: str, **changes: str) -> Finding:
    return found(code, parameter, "said", "measured", "expected", "mend it", **changes)  # type: ignore[arg-type]


def outcome(*findings: Finding, part: str = "fault") -> Outcome:
    case = Case("name", "CLONE", "https://", "About.", nn.Identity, nn.Identity, ("layers.*.weight",), ("SYM", "INI1"))
    return Outcome(case, part, findings, 100)  # type: ignore[arg-type]


def test_a_verdict_asks_for_the_right_parameter_the_right_code_and_more_than_a_note() -> None:
    assert outcome(said("SYM301", "layers.0.weight")).verdict == "found"
    assert outcome(said("INI105", "layers.0.weight [q]")).verdict == "found"
    assert outcome(said("SYM301", "head.weight")).verdict == "elsewhere"
    assert outcome(said("ZER401", "layers.0.weight")).verdict == "elsewhere"
    assert outcome(said("SYM301", "layers.0.weight", severity="info")).verdict == "noted"
    assert outcome().verdict == "missed"
    assert outcome(said("SYM301", "layers.0.weight"), part="twin").verdict == "alarm"
    assert outcome(said("SYM301", "layers.0.weight", severity="info"), part="control").verdict == "clean"


def test_a_tool_that_fails_has_found_nothing() -> None:
    def build() -> nn.Module:
        raise RuntimeError("no model")

    case = Case("name", "CLONE", "https://", "About.", build, build, ("*",), ("SYM",))
    assert ask(case, "fault").verdict == "failed"
    assert ask(case, "fault").failure == "RuntimeError: no model"


def test_the_page_counts_recall_precision_and_alarms_per_thousand_parameters() -> None:
    right, wrong = said("SYM301", "layers.0.weight"), said("STA206", "head.weight")
    outcomes = [
        outcome(right, wrong), outcome(), outcome(right), outcome(part="twin"), outcome(wrong, part="twin"),
        outcome(part="control"), outcome(wrong, part="stock"), outcome(part="stock"),
    ]  # fmt: skip
    text = "\n".join(summary(outcomes))
    assert "| recall | **66.7%** | 2 of 3 faults |" in text
    assert "| precision by case | **50.0%** | 2 of 5 right models alarmed |" in text
    assert "| precision by finding | **50.0%** | 2 right, 2 false; 1 more on faulty models |" in text
    assert "| false alarms per 1,000 parameters | **5.00** | 1 findings on 200 parameters of stock models; " in text
    whole = "\n".join(page(outcomes, "a machine"))
    assert "- **name** (CLONE, check; missed): About. https://" in whole
    assert "  - warning STA206 `head.weight`: said (measured measured; expected expected)" in whole
