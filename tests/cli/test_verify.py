"""`initwise verify`: weights in a file against a plan: what holds, what does not, and what is missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.cli.conftest import Run

CHECK = ("verify", "net.py:Net", "--plan", "plan.json", "--weights", "w.st")


@pytest.fixture
def written(run: Run, folder: Path) -> Path:
    """A folder with weights and their plan."""
    outcome = run(
        "init", "net.py:Net", "--recipe", "classic", "--seed", "7", "--out", "w.st", "--plan-out", "plan.json"
    )
    assert outcome.code == 0
    return folder


def changed(change: Callable[[dict[str, Tensor]], object]) -> None:
    """Write the file again with other tensors."""
    tensors = load_file("w.st")
    change(tensors)
    save_file(tensors, "w.st")


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("against", [("--plan", "plan.json"), ("--recipe", "classic", "--seed", "7")])
def test_weights_as_planned_are_clean(run: Run, against: tuple[str, ...]) -> None:
    outcome = run("verify", "net.py:Net", *against, "--weights", "w.st")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.endswith("\n\n5 checked: nothing found.\n")


@pytest.mark.usefixtures("written")
def test_another_plan_than_the_one_they_come_from_is_noted(run: Run) -> None:
    outcome = run("verify", "net.py:Net", "--recipe", "classic", "--seed", "8", "--weights", "w.st")
    assert outcome.code == 0
    assert "initwise: these weights come from another plan (" in outcome.err


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda t: t["hidden.weight"].view(-1)[3:4].fill_(float("nan")), "error INI101 hidden.weight: "),
        (lambda t: t["hidden.weight"].view(-1)[3:4].fill_(9.0), "error INI102 hidden.weight: "),
        (lambda t: t["hidden.weight"].fill_(0.6), "error INI103 hidden.weight: "),
        (lambda t: t["hidden.weight"].mul_(0.1), "error INI104 hidden.weight: "),
        (lambda t: t["norm.weight"].mul_(2), "error INI105 norm.weight: "),
        (lambda t: t["embed.weight"][0].fill_(1.0), "error INI107 embed.weight: "),
        (lambda t: t.pop("hidden.bias"), "error INI106 hidden.bias: the file has no such parameter"),
        (lambda t: t.pop("embed.weight"), "error INI106 embed.weight: the file has no such parameter"),
        (lambda t: t.update(other=torch.ones(1)), "error INI106 other: the model has no such tensor"),
        (
            lambda t: t.update({"hidden.bias": torch.zeros(9)}),
            "error INI106 hidden.bias: file and model differ in its shape",
        ),
        (
            lambda t: t.update({"head.weight": t["embed.weight"] + 1}),
            "error INI106 head.weight: tied in the model, not in the file",
        ),
    ],
)
def test_what_does_not_hold_is_a_finding_and_exit_code_1(
    run: Run, change: Callable[[dict[str, Tensor]], object], finding: str
) -> None:
    changed(change)
    outcome = run(*CHECK)
    assert outcome.code == 1
    assert finding in outcome.out
    assert "on the meta device" not in outcome.out


@pytest.mark.usefixtures("written")
def test_a_missing_buffer_is_a_warning_only(run: Run) -> None:
    changed(lambda tensors: tensors.pop("scale"))
    outcome = run(*CHECK)
    assert outcome.code == 0
    assert "warning INI106 scale: the file has no such buffer" in outcome.out


@pytest.mark.usefixtures("written")
def test_a_tie_saved_under_another_of_its_names_is_found(run: Run) -> None:
    changed(lambda tensors: tensors.update({"head.weight": tensors.pop("embed.weight")}))
    assert run(*CHECK).code == 0


@pytest.mark.usefixtures("written")
def test_json_tells_machines_the_same(run: Run) -> None:
    changed(lambda tensors: tensors["norm.weight"].mul_(2))
    outcome = run(*CHECK, "--format", "json")
    told = json.loads(outcome.out)
    assert outcome.code == 1
    assert told["ok"] is False
    assert [(finding["code"], finding["parameter"]) for finding in told["findings"]] == [("INI105", "norm.weight")]
    assert [row["name"] for row in told["rows"]][:2] == ["embed.weight", "hidden.weight"]


@pytest.mark.usefixtures("written")
def test_a_model_that_changed_since_the_plan_is_told(run: Run) -> None:
    outcome = run(*CHECK, "--set", "width=16")
    assert outcome.code == 1
    assert (
        "error INI106 norm.weight: file and model differ in its shape\n    measured (8,); expected (16,)" in outcome.out
    )


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--weights", "w.st"], "verify: against what? Give --plan plan.json, --recipe NAME or --rules FILE"),
        (["--weights", "w.st", "--plan", "plan.json", "--seed", "1"], "--plan: it holds its own decisions and seed"),
        (
            ["--weights", "w.st", "--plan", "plan.json", "--inputs", "2x5"],
            "--plan: it holds its own decisions and seed; leave --recipe, --rules, --seed and --inputs away",
        ),
        (["--weights", "absent.st", "--plan", "plan.json"], "--weights absent.st: there is no such file"),
        (
            ["--weights", "plan.json", "--plan", "plan.json"],
            "--weights plan.json: this is no readable safetensors file",
        ),
        (["--weights", "w.st", "--plan", "absent"], "--plan absent: it cannot be read: No such file or directory"),
        (["--weights", "w.st", "--plan", "w.st"], "--plan w.st: it is no JSON"),
        (["--weights", "w.st", "--plan", "old.json"], "--plan old.json: 1 problem\n  - schema version is 0"),
    ],
)
def test_wrong_files_are_told(run: Run, folder: Path, arguments: list[str], message: str) -> None:
    plan = json.loads((folder / "plan.json").read_text())
    (folder / "old.json").write_text(json.dumps(plan | {"schema": 0}))
    outcome = run("verify", "net.py:Net", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err
