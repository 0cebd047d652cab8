"""`assert_initialized`: silent where a model is right, readable where it is not, in a real pytest run too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import initwise as iw
from initwise.errors import ArgumentError
from scripts import codes_page


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))


def planned() -> tuple[nn.Module, iw.Plan]:
    model = net()
    plan = iw.plan(model, "kaiming", seed=3)
    iw.apply(model, plan)
    return model, plan


def spoil(model: nn.Module) -> None:
    with torch.no_grad():
        model.get_parameter("2.weight")[1, 1] = float("nan")


def test_weights_that_a_plan_wrote_pass_and_the_report_comes_back() -> None:
    model, plan = planned()
    report = iw.assert_initialized(model, plan)
    assert report.ok
    assert [row.name for row in report.rows] == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_weights_that_are_not_the_plans_fail_with_the_findings() -> None:
    model, plan = planned()
    spoil(model)
    with pytest.raises(AssertionError) as caught:
        iw.assert_initialized(model, plan)
    said = str(caught.value)
    assert said.startswith("\nverify\n\nerror INI109 2.weight: 1 of 512 values")
    assert "\nerror INI101 2.weight: " in said
    assert "    fix: " in said
    assert said.endswith("\nMore: initwise explain INI109 (also INI101)")
    assert "0.weight" not in said  # the table of all rows stays away


def test_without_a_plan_the_model_is_checked() -> None:
    model = net()
    assert iw.assert_initialized(model).ok
    spoil(model)
    with pytest.raises(AssertionError, match=r"^\ncheck Sequential\n\nerror INI101 2.weight: the values are not all"):
        iw.assert_initialized(model)


def test_options_go_to_the_check() -> None:
    model = net()
    spoil(model)
    said = iw.assert_initialized(model, suppress=iw.Suppression("INI101", "2.weight", reason="it is a test"))
    assert len(said.suppressed) == 1
    inputs = torch.zeros(2, 64)
    with pytest.raises(AssertionError, match="SIG506"):
        iw.assert_initialized(model, inputs=inputs, select="SIG")


@pytest.mark.parametrize(("level", "fails"), [("error", False), ("warning", True), ("info", True)])
def test_the_mildest_finding_that_fails_can_be_chosen(level: Any, fails: bool) -> None:
    model = net()
    nn.init.normal_(model[0].weight)  # type: ignore[index]
    if fails:
        with pytest.raises(AssertionError, match="warning STA206"):
            iw.assert_initialized(model, fail_on=level)
    else:
        assert [each.code for each in iw.assert_initialized(model, fail_on=level).findings] == ["STA206"]


def test_a_severity_that_is_none_is_refused() -> None:
    with pytest.raises(
        ArgumentError, match="assert_initialized: fail_on is 'fatal', and must be one of 'error', 'warn"
    ):
        iw.assert_initialized(net(), fail_on="fatal")  # type: ignore[arg-type]


def test_what_is_no_plan_is_refused() -> None:
    with pytest.raises(iw.InitwiseError, match="verify: plan is 'kaiming' of type str; give"):
        iw.assert_initialized(net(), "kaiming")  # type: ignore[arg-type]


PAGE = (codes_page.FOLDER.parent / "check.md").read_text(encoding="utf-8")
TEST = PAGE[PAGE.index("# test_weights.py") :].partition("\n```")[0]


def test_the_test_file_of_the_page_passes_and_fails_readably_where_a_weight_is_wrong(tmp_path: Path) -> None:
    asserting = "    iw.assert_initialized("
    wrong = TEST.replace(asserting, f"    model[0].weight.data[0] *= 3\n{asserting}", 1)
    (tmp_path / "test_weights.py").write_text(TEST, encoding="utf-8")
    (tmp_path / "test_wrong.py").write_text(wrong, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert (done.returncode, lines[-1][:18]) == (1, "1 failed, 3 passed"), done.stdout
    assert lines[0].split()[0] == "..F."
    assert "E       error INI109 0.weight: 64 of 4,096 values (1.56 %) differ from what the plan wrote" in done.stdout
    assert "def assert_initialized" not in done.stdout  # the failure shows the line of the test, not ours
