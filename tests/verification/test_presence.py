"""Plans for other models, ties that came loose, models without memory, wrapped ones."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import initwise as iw

NORMAL = iw.rule("*", iw.Normal(std=0.02))


class _Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 32)
        self.head = nn.Linear(32, 50, bias=False)
        self.head.weight = self.embed.weight


def _drawn(model: nn.Module, rules: Any = NORMAL) -> tuple[Any, iw.Plan]:
    plan = iw.plan(model, rules)
    iw.apply(model, plan)
    return model, plan


def test_a_plan_for_another_model_lists_what_is_missing_and_what_is_extra() -> None:
    _, plan = _drawn(nn.Linear(3, 3))
    report = iw.verify(nn.Sequential(nn.Linear(3, 3)), plan)
    assert {(finding.code, finding.parameter) for finding in report.findings} == {
        ("INI106", name) for name in ("weight", "bias", "0.weight", "0.bias")
    }
    assert "planned, and not in the model: weight, bias" in report.table.notes
    assert "in the model, and not planned: 0.weight, 0.bias" in report.table.notes


def test_long_lists_of_names_are_cut() -> None:
    _, plan = _drawn(nn.Sequential(*(nn.Linear(2, 2) for _ in range(6))))
    report = iw.verify(nn.Linear(2, 2), plan)
    assert any(note.endswith("3.weight, 3.bias and 4 more") for note in report.table.notes)


def test_a_tie_that_came_loose_is_one_finding_in_clear_words() -> None:
    model, plan = _drawn(_Tied())
    assert [row.proof for row in iw.verify(model, plan).rows] == ["bit for bit"]
    model.head.weight = nn.Parameter(model.embed.weight.detach().clone())
    (finding,) = iw.verify(model, plan).findings
    assert (finding.code, finding.parameter) == ("INI106", "embed.weight")
    assert "head.weight was planned as a tie of it and has memory of its own" in finding.message


def test_a_tie_that_was_not_planned_names_whom_it_is_tied_to() -> None:
    loose = _Tied()
    loose.head.weight = nn.Parameter(torch.zeros(50, 32))
    model, plan = _drawn(loose)
    model.head.weight = model.embed.weight
    (finding,) = iw.verify(model, plan).findings
    assert (finding.code, finding.parameter) == ("INI106", "head.weight")
    assert finding.message == "it was planned on its own and is tied to embed.weight"


def test_a_model_that_was_cast_after_the_plan_has_other_dtypes() -> None:
    model, plan = _drawn(nn.Linear(8, 8))
    findings = iw.verify(model.half(), plan).findings
    assert {finding.code for finding in findings} == {"INI106"}
    assert findings[0].measured == "(8, 8) torch.float16"


@pytest.mark.parametrize("exact", [True, False])
def test_a_model_on_meta_is_a_finding_not_a_crash(exact: bool) -> None:
    model, plan = _drawn(nn.Linear(8, 8))
    report = iw.verify(model.to("meta"), plan, exact=exact)
    assert {(finding.code, finding.measured) for finding in report.findings} == {("INI106", "no memory")}


def test_a_compiled_model_is_verified_unwrapped() -> None:
    model, plan = _drawn(nn.Sequential(nn.Linear(8, 8), nn.ReLU()))
    compiled: Any = torch.compile(model, backend="eager")
    report = iw.verify(compiled, plan)
    assert [row.proof for row in report.rows] == ["bit for bit", "bit for bit"]


def test_a_parametrization_that_fails_is_a_finding() -> None:
    class _Broken(nn.Module):
        fails = False

        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            if self.fails:
                raise RuntimeError("no luck")
            return weight

        def right_inverse(self, weight: torch.Tensor) -> torch.Tensor:
            return weight

    layer = nn.Linear(4, 4)
    way = _Broken()
    nn.utils.parametrize.register_parametrization(layer, "weight", way)
    model, plan = _drawn(layer)
    way.fails = True
    findings = iw.verify(model, plan).findings
    assert {finding.code for finding in findings} == {"INI106"}
