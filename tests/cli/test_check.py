"""`initwise check` and the forms of `verify`: findings, exit codes, configuration, baselines, losses."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.cli.conftest import Outcome, Run

MODEL = """
import torch
from torch import nn


class Sick(nn.Module):
    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.first = nn.Linear(4, width)
        self.norm = nn.BatchNorm1d(width)
        self.last = nn.Linear(width, 3)
        nn.init.constant_(self.first.weight, float("nan"))
        nn.init.normal_(self.norm.weight, std=0.02)

    def forward(self, x):
        return self.last(self.norm(self.first(x)))


class Well(Sick):
    def __init__(self, width: int = 8) -> None:
        super().__init__(width)
        nn.init.xavier_uniform_(self.first.weight)
        nn.init.ones_(self.norm.weight)


class Large(Well):
    def __init__(self) -> None:
        super().__init__(512)
        nn.init.normal_(self.last.weight, std=30.0)


class Spare(Well):
    def __init__(self) -> None:
        super().__init__()
        self.spare = nn.Linear(3, 3)


class Dictionary(Well):
    def forward(self, x):
        return {"hidden": x, "logits": super().forward(x)}


class Nothing(Well):
    def forward(self, x):
        return {"hidden": "none"}


def loss(output):
    return output.square().mean()


def vector(output):
    return output.square()


three = 3
"""


@pytest.fixture(autouse=True)
def sick(folder: Path) -> Path:
    (folder / "sick.py").write_text(MODEL, encoding="utf-8")
    return folder


def findings(outcome: Outcome) -> list[str]:
    """The codes and parameters of a report as JSON."""
    return [f"{each['code']} {each['parameter']}" for each in json.loads(outcome.out)["findings"]]


# ------------------------------------------------------------------------------------------- findings and exit codes


def test_a_clean_model_is_exit_code_0(run: Run) -> None:
    outcome = run("check", "sick.py:Well")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("check Well\n\nnote: usage read from ")
    assert outcome.out.endswith("\n\n6 checked: nothing found.\n")


def test_findings_are_exit_code_1_and_say_what_to_do(run: Run) -> None:
    outcome = run("check", "sick.py:Sick")
    assert outcome.code == 1
    assert "error INI101 first.weight: the values are not all finite\n    measured 32 NaN of 32 values" in outcome.out
    assert "error INI110 norm.weight: " in outcome.out
    assert outcome.out.endswith("6 checked: 2 errors.\nMore: initwise explain INI101 (also INI110)\n")


def test_exit_zero_shows_them_all_the_same(run: Run) -> None:
    outcome = run("check", "sick.py:Sick", "--exit-zero")
    assert outcome.code == 0
    assert "6 checked: 2 errors." in outcome.out


@pytest.mark.parametrize(
    ("target", "level", "code"),
    [
        ("Large", "error", 0),
        ("Large", "warning", 1),
        ("Large", None, 1),
        ("Spare", "warning", 0),
        ("Spare", None, 0),
        ("Spare", "info", 1),
        ("Sick", "error", 1),
    ],
)
def test_what_fails_is_from_a_severity_on(run: Run, target: str, level: str | None, code: int) -> None:
    options = ("--inputs", "16x4", "--loss", "cross_entropy", "--select", "SIG505,GRD602,INI101")
    outcome = run("check", f"sick.py:{target}", *options, *(("--fail-on", level) if level else ()))
    assert outcome.code == code, outcome.out
    assert "nothing found" not in outcome.out


def test_only_selected_codes_are_reported(run: Run) -> None:
    assert findings(run("check", "sick.py:Sick", "--select", "SYM,INI110", "--format", "json")) == [
        "INI110 norm.weight"
    ]
    both = run("check", "sick.py:Sick", "--select", "INI101", "--select", "INI110", "--format", "json")
    assert findings(both) == ["INI101 first.weight", "INI110 norm.weight"]


def test_all_shows_a_row_for_each_parameter(run: Run) -> None:
    assert "last.bias" not in run("check", "sick.py:Well").out
    said = run("check", "sick.py:Well", "--all").out
    assert [line.split()[0] for line in said.splitlines()[4:10]] == [
        "first.weight", "first.bias", "norm.weight", "norm.bias", "last.weight", "last.bias",
    ]  # fmt: skip


def test_a_model_is_built_from_the_same_seed_each_time(run: Run) -> None:
    def rows(*options: str) -> object:
        return json.loads(run("check", "sick.py:Well", "--format", "json", *options).out)["rows"]

    assert rows() == rows() == rows("--seed", "0") != rows("--seed", "1")


def test_settings_and_dtype_build_the_model(run: Run) -> None:
    data = json.loads(run("check", "sick.py:Well", "--set", "width=12", "--dtype", "bfloat16", "--format", "json").out)
    assert [row["elements"] for row in data["rows"]] == [48, 12, 12, 12, 36, 3]


def test_weights_in_a_file_are_what_is_checked(run: Run, folder: Path) -> None:
    assert run("init", "sick.py:Sick", "--recipe", "classic", "--out", "w.st").code == 0
    assert run("check", "sick.py:Sick").code == 1
    assert run("check", "sick.py:Sick", "--weights", "w.st").code == 0
    tensors = load_file("w.st")
    save_file({**tensors, "norm.running_var": torch.full((8,), float("nan")), "other": torch.ones(1)}, "w.st")
    outcome = run("check", "sick.py:Sick", "--weights", "w.st", "--format", "json")
    assert findings(outcome) == ["INI101 norm.running_var"]
    assert outcome.err == "initwise: --weights w.st: the model has no other\n"
    assert folder.exists()


# ------------------------------------------------------------------------------------------------------------- measured


@pytest.mark.parametrize("loss", ["cross_entropy", "mse", "sick.py:loss", "sick:loss"])
@pytest.mark.parametrize("target", ["Well", "Dictionary"])
def test_a_loss_is_a_name_or_a_place_in_code(run: Run, target: str, loss: str) -> None:
    if target == "Dictionary" and ":" in loss:
        return  # it takes a tensor
    outcome = run("check", f"sick.py:{target}", "--inputs", "16x4", "--loss", loss)
    assert (outcome.code, outcome.err) == (0, ""), outcome.out
    assert "with 16x4 float32" in outcome.out


def test_a_loss_far_above_that_of_a_guess_is_found(run: Run) -> None:
    outcome = run("check", "sick.py:Large", "--inputs", "64x4", "--loss", "cross_entropy", "--format", "json")
    assert "SIG505 last.weight" in findings(outcome)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--loss", "mse"), "check: loss is given without inputs; give inputs="),
        (
            ("--inputs", "4x4", "--loss", "msr"),
            "--loss msr: write path/to/file.py:function, or one of cross_entropy, mse",
        ),
        (("--inputs", "4x4", "--loss", "sick.py:three"), "--loss sick.py:three: it is a int; give a function"),
        (("--inputs", "4x4", "--loss", "sick.py:vector"), "the loss has shape (4, 3); it must be a scalar"),
        (("--inputs", "4x4", "--loss", "sick.py:lost"), "'sick.py:lost': "),
        (("--inputs", "4x5"), "check: inputs do not fit the model: linear in 'first'"),
        (("--inputs", "four"), "inputs 'four': 'four' is not understood; write a shape"),
        (("--select", "INI9,SYM"), "--select: there is no code 'INI9'"),
        (("--weights", "none.st"), "--weights none.st: there is no such file"),
        (("--config", "none.toml"), "none.toml: 1 problem\n  - it cannot be read"),
        (("--config", "a.toml", "--no-config"), "--config and --no-config: give one of them."),
        (("--baseline", "none.json"), "baseline none.json: 1 problem\n  - it cannot be read"),
        (("--baseline", "a.json", "--write-baseline", "b.json"), "--baseline and --write-baseline: give one of them"),
        (("--write-baseline", "no/where.json"), "--write-baseline no/where.json: its folder"),
        (("--out", "no/where.txt"), "--out no/where.txt: its folder"),
        (("--fail-on", "fatal"), "'fatal' is not one of"),
        (("--format", "xml"), "'xml' is not one of"),
    ],
)
def test_wrong_options_are_exit_code_2(run: Run, options: tuple[str, ...], message: str) -> None:
    outcome = run("check", "sick.py:Well", *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err


def test_an_output_that_no_named_loss_takes_is_told(run: Run) -> None:
    outcome = run("check", "sick.py:Nothing", "--inputs", "16x4", "--loss", "cross_entropy")
    assert outcome.code == 2
    assert "--loss cross_entropy: the model's output is a dict without logits; write a function" in outcome.err


def test_weights_of_another_model_are_told(run: Run) -> None:
    assert run("init", "sick.py:Spare", "--recipe", "classic", "--out", "w.st").code == 0
    other = run("check", "sick.py:Well", "--set", "width=9", "--weights", "w.st")
    assert other.code == 2
    assert "--weights w.st: these are not the model's: first.weight is (8, 4), and (9, 4) in the model; " in other.err
    tensors = load_file("w.st")
    del tensors["first.bias"]
    save_file(tensors, "w.st")
    assert "not the model's: first.bias is missing; check" in run("check", "sick.py:Well", "--weights", "w.st").err


def test_a_fault_of_our_own_is_exit_code_3(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from initwise.lints import _check

    monkeypatch.setattr(_check, "LINTS", (lambda subject: 1 / 0,))
    outcome = run("check", "sick.py:Well")
    assert (outcome.code, outcome.out) == (3, "")
    assert "internal failure: RuntimeError: check: the lint " in outcome.err


# ------------------------------------------------------------------------------------------ configuration and baselines


def configured(folder: Path, text: str, name: str = "pyproject.toml") -> None:
    (folder / name).write_text(text, encoding="utf-8")


def test_the_nearest_pyproject_is_read_unless_it_is_not_wanted(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(folder, '[tool.initwise]\nsuppress = [{code = "INI1", parameters = "*", reason = "it is sick"}]')
    (folder / "inner").mkdir()
    monkeypatch.chdir(folder / "inner")
    outcome = run("check", "../sick.py:Sick")
    assert outcome.code == 0
    assert "6 checked: nothing found; 2 suppressed." in outcome.out
    assert run("check", "../sick.py:Sick", "--no-config").code == 1


def test_the_file_says_what_fails_and_the_command_line_wins(run: Run, folder: Path) -> None:
    configured(folder, '[tool.initwise]\nfail-on = "error"\nselect = ["SIG505"]', "other.toml")
    options = ("check", "sick.py:Large", "--inputs", "64x4", "--loss", "cross_entropy", "--config", "other.toml")
    assert run(*options).code == 0
    assert run(*options, "--fail-on", "warning").code == 1
    assert findings(run(*options, "--format", "json"))[0].startswith("SIG")
    assert findings(run(*options, "--select", "TIE", "--format", "json")) == []


def test_a_wrong_configuration_is_exit_code_2(run: Run, folder: Path) -> None:
    configured(folder, '[tool.initwise]\nselekt = []\nsuppress = [{code = "INI101"}]')
    outcome = run("check", "sick.py:Well")
    assert (outcome.code, outcome.out) == (2, "")
    assert "pyproject.toml, [tool.initwise]: 2 problems\n  - unknown key 'selekt'" in outcome.err
    assert "suppress[0]: 'INI101' has no reason" in outcome.err


def test_a_baseline_leaves_out_what_is_known(run: Run, folder: Path) -> None:
    outcome = run("check", "sick.py:Sick", "--select", "INI101", "--write-baseline", "known.json")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err.startswith("initwise: 1 finding written to known.json; check with --baseline known.json")
    outcome = run("check", "sick.py:Sick", "--baseline", "known.json")
    assert outcome.code == 1
    assert "6 checked: 1 error; 1 known." in outcome.out
    run("check", "sick.py:Sick", "--write-baseline", "known.json")
    outcome = run("check", "sick.py:Sick", "--baseline", "known.json")
    assert outcome.code == 0
    assert "6 checked: nothing found; 2 known." in outcome.out
    gone = run("check", "sick.py:Well", "--baseline", "known.json").out
    assert "the baseline holds what no longer occurs: INI101 first.weight, INI110 norm.weight; write it anew" in gone
    (folder / "known.json").write_text('{"schema": 99}')
    outcome = run("check", "sick.py:Well", "--baseline", "known.json")
    assert outcome.code == 2
    assert "its schema version is 99, and this initwise reads 1" in outcome.err


def test_a_baseline_in_the_configuration_stands_beside_it_and_is_written_anew(run: Run, folder: Path) -> None:
    configured(folder, '[tool.initwise]\nbaseline = "known.json"')
    assert run("check", "sick.py:Sick").code == 2
    assert run("check", "sick.py:Sick", "--write-baseline", "known.json").code == 0
    assert run("check", "sick.py:Sick").code == 0


# --------------------------------------------------------------------------------------------------------------- forms


@pytest.fixture
def verified(run: Run) -> tuple[str, ...]:
    """A verification that fails at one weight."""
    assert run("init", "sick.py:Well", "--recipe", "classic", "--out", "w.st").code == 0
    tensors = load_file("w.st")
    tensors["last.weight"][:] = 5.0
    save_file(tensors, "w.st")
    return "verify", "sick.py:Well", "--recipe", "classic", "--weights", "w.st"


@pytest.fixture(params=["check", "verify"])
def failing(request: pytest.FixtureRequest, verified: tuple[str, ...]) -> tuple[str, ...]:
    return verified if request.param == "verify" else ("check", "sick.py:Sick")


def test_json_has_rows_findings_and_counts(run: Run, failing: tuple[str, ...]) -> None:
    outcome = run(*failing, "--format", "json")
    data = json.loads(outcome.out)
    assert outcome.code == 1
    assert len(data["rows"]) == 6
    assert data["counts"]["errors"] == len(data["findings"]) >= 1
    assert data["ok"] is False


def test_sarif_names_the_file_of_the_class_and_its_line(run: Run, failing: tuple[str, ...]) -> None:
    outcome = run(*failing, "--format", "sarif")
    (log_run,) = json.loads(outcome.out)["runs"]
    place = log_run["results"][0]["locations"][0]["physicalLocation"]
    line = MODEL.splitlines().index("class Sick(nn.Module):" if failing[0] == "check" else "class Well(Sick):") + 1
    assert place == {
        "artifactLocation": {"uri": "sick.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": line},
    }
    assert (outcome.code, outcome.err) == (1, "")


def test_junit_has_a_case_for_each_parameter(run: Run, failing: tuple[str, ...]) -> None:
    outcome = run(*failing, "--format", "junit")
    root = ET.fromstring(outcome.out)  # noqa: S314 - our own words
    assert outcome.out.startswith('<?xml version="1.0" encoding="utf-8"?>\n<testsuites ')
    assert len(root.findall(".//testcase")) == 6
    assert root.find(".//failure") is not None
    assert outcome.code == 1


def test_github_has_an_annotation_for_each_finding(run: Run, failing: tuple[str, ...]) -> None:
    outcome = run(*failing, "--format", "github")
    assert outcome.out.startswith("::error file=sick.py,line=")
    assert outcome.code == 1


@pytest.mark.parametrize("form", ["table", "json", "sarif", "junit", "github"])
def test_a_report_goes_into_a_file(run: Run, folder: Path, failing: tuple[str, ...], form: str) -> None:
    printed = run(*failing, "--format", form)
    outcome = run(*failing, "--format", form, "--out", "report.txt")
    assert (outcome.code, outcome.out) == (1, "")
    assert (folder / "report.txt").read_text(encoding="utf-8") == printed.out
