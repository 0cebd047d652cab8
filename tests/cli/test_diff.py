"""`initwise diff`: recipes, rule files, plans and files of weights, two of them at a time."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from initwise.cli import main
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "diff.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```sh\n(?P<commands>.*?)^```\n(?:\n*^```text\n(?P<output>.*?)^```\n)?", re.MULTILINE | re.DOTALL)
NET = "net.py:Net"


@pytest.fixture
def written(run: Run, folder: Path) -> Path:
    """A folder with weights, their plan, another plan, and rules."""
    made = ("init", NET, "--recipe", "classic", "--seed", "7", "--out", "w.st", "--plan-out", "plan.json")
    assert run(*made).code == 0
    assert run("plan", NET, "--recipe", "torch-default", "--format", "json", "--out", "other.json").code == 0
    (folder / "rules.json").write_text(json.dumps({"recipe": "classic", "rules": [{"select": "*", "rule": 1}]}))
    (folder / "rules.yaml").write_text("recipe: classic\nrules:\n  - {select: 'hidden.weight', initializer: Zeros}\n")
    return folder


def changed(change: Callable[[dict[str, Tensor]], object], path: str = "v.st") -> None:
    """Write the weights as another file with other tensors."""
    tensors = load_file("w.st")
    change(tensors)
    save_file(tensors, path)


def rows(out: str) -> dict[str, str]:
    """The status of each row of JSON output that differs."""
    return {row["name"]: row["status"] for row in json.loads(out)["rows"] if not row["same"]}


def test_two_recipes_on_one_model_differ_and_the_exit_code_says_so(run: Run) -> None:
    outcome = run("diff", NET, "--recipe", "gpt2", "--against", "torch-default")
    assert outcome.code == 1
    head, _, first, *_ = outcome.out.splitlines()
    assert re.split(r"\s{2,}", head)[:4] == ["parameters", "status", "shape", "law a"]
    assert first.startswith("embed.weight")
    assert "\na: plan of 5 parameters, seed 0, recipe gpt2, digest " in outcome.out
    assert outcome.out.endswith("5 compared: 3 law differs, 2 same.\n")


def test_a_recipe_against_itself_is_the_same(run: Run) -> None:
    outcome = run("diff", NET, "--recipe", "gpt2", "--against", "gpt2", "--seed", "3")
    assert outcome.code == 0
    assert outcome.out.endswith("\n5 compared: 5 same.\n")
    assert "norm.weight" not in outcome.out
    assert "norm.weight" in run("diff", NET, "--recipe", "gpt2", "--against", "gpt2", "--all").out


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(
    ("against", "code"),
    [("classic", 0), ("plan.json", 0), ("w.st", 0), ("other.json", 1), ("torch-default", 1), ("rules.yaml", 1)],
)
def test_the_other_side_is_recognised_by_what_it_is(run: Run, against: str, code: int) -> None:
    for option in (("--recipe", "classic"), ("--plan", "plan.json"), ("--weights", "w.st")):
        outcome = run("diff", NET, *option, "--against", against)
        assert outcome.code == code, outcome.err + outcome.out


@pytest.mark.usefixtures("written")
def test_rules_are_a_side_too(run: Run) -> None:
    assert run("diff", NET, "--rules", "rules.yaml", "--against", "rules.yaml").code == 0
    outcome = run("diff", NET, "--rules", "rules.yaml", "--against", "classic", "--format", "json")
    assert rows(outcome.out) == {"hidden.weight": "law differs"}


def test_what_a_file_lacks_is_not_taken_from_a_model_that_only_the_cpu_can_build(run: Run, folder: Path) -> None:
    assert run("init", "net.py:CpuOnly", "--recipe", "classic", "--out", "w.st").code == 0
    changed(lambda tensors: tensors.pop("linear.bias"))
    outcome = run("diff", "net.py:CpuOnly", "--recipe", "classic", "--against", "v.st", "--format", "json")
    assert (outcome.code, rows(outcome.out)) == (1, {"linear.bias": "only in a"})
    assert (folder / "v.st").is_file()


@pytest.mark.usefixtures("written")
def test_two_plans_need_no_target_and_name_their_files(run: Run) -> None:
    outcome = run("diff", "--plan", "plan.json", "--against", "other.json", "--format", "json")
    assert outcome.code == 1
    assert set(rows(outcome.out).values()) == {"law differs"}
    data = json.loads(outcome.out)
    assert data["a"].endswith(", plan.json")
    assert data["b"].endswith(", other.json")
    assert data["notes"][0] == "other numbers: seed 7 in a, seed 0 in b"


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda t: t["hidden.weight"].mul_(2.0), {"hidden.weight": "differs"}),
        (lambda t: t.pop("hidden.bias"), {"hidden.bias": "only in a"}),
        (lambda t: t.update({"hidden.bias": torch.zeros(9)}), {"hidden.bias": "shape differs"}),
        (lambda t: t.update({"hidden.bias": torch.zeros(8).half()}), {"hidden.bias": "dtype differs"}),
        (lambda t: t.update({"other": torch.zeros(1)}), {"other": "only in b"}),
        (lambda t: t.update({"head.weight": t["embed.weight"] + 1}), {"head.weight": "ties differ"}),
    ],
)
def test_weights_that_are_not_those_of_a_plan_differ(
    run: Run, change: Callable[[dict[str, Tensor]], object], expected: dict[str, str]
) -> None:
    changed(change)
    outcome = run("diff", NET, "--plan", "plan.json", "--weights", "v.st", "--format", "json")
    assert outcome.code == 1
    assert rows(outcome.out) == expected


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda t: t["hidden.weight"].add_(1e-4), {"hidden.weight": "same law"}),
        (lambda t: t["scale"].mul_(2), {"scale": "differs"}),
        (lambda t: t.pop("scale"), {"scale": "only in a"}),
        (lambda t: t.pop("norm.weight"), {"norm.weight": "only in a"}),
        (lambda t: t.update({"other": torch.zeros(1)}), {"other": "only in b"}),
    ],
)
def test_two_files_of_weights_are_compared_buffers_included(
    run: Run, change: Callable[[dict[str, Tensor]], object], expected: dict[str, str]
) -> None:
    changed(change)
    outcome = run("diff", NET, "--weights", "w.st", "--against", "v.st", "--format", "json")
    assert (outcome.code, rows(outcome.out)) == (1, expected)


@pytest.mark.usefixtures("written")
def test_what_both_files_lack_or_have_besides_the_model_is_no_difference(run: Run) -> None:
    def same_both(tensors: dict[str, Tensor]) -> None:
        tensors.pop("norm.bias")
        tensors["other"] = torch.zeros(1)

    changed(same_both, "v.st")
    changed(same_both, "u.st")
    outcome = run("diff", NET, "--weights", "v.st", "--against", "u.st")
    assert outcome.code == 0
    assert "neither file has it" in outcome.out


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((NET,), "diff: of what? Give two of --recipe, --rules, --plan, --weights and --against."),
        ((NET, "--recipe", "gpt2"), "diff: --recipe gpt2 against what? Add --against: a recipe, a rule file, a plan"),
        (
            (NET, "--recipe", "gpt2", "--plan", "plan.json", "--against", "classic"),
            "diff: --plan plan.json, --recipe gpt2, --against classic are 3 sides; give two.",
        ),
        (
            (NET, "--recipe", "gpt2", "--against", "gtp2"),
            "no such file; give a recipe (`initwise recipes` lists them), a",
        ),
        ((NET, "--recipe", "gtp2", "--against", "gpt2"), "--recipe gtp2: there is no such recipe"),
        (("--recipe", "gpt2", "--against", "plan.json"), "diff: --recipe gpt2: for which model? Give a TARGET."),
        (("--weights", "w.st", "--against", "plan.json"), "diff: --weights w.st: for which model? Give a TARGET."),
        (
            ("--plan", "plan.json", "--against", "other.json", "--seed", "3"),
            "diff: neither side is planned here; leave --seed and --inputs away.",
        ),
        ((NET, "--weights", "none.st", "--against", "classic"), "--weights none.st: there is no such file"),
        (
            ("torch.nn:PReLU", "--weights", "w.st", "--against", "classic"),
            "--weights w.st: no name in this file fits the model: it has embed.weight, and the model has weight; check",
        ),
        ((NET, "--recipe", "classic", "--against", "rules.json"), "rules.json"),
        (("--plan", "w.st", "--against", "plan.json"), "--plan w.st: it is no JSON"),
    ],
)
def test_wrong_usage_says_what_to_give_instead(run: Run, arguments: tuple[str, ...], said: str) -> None:
    outcome = run("diff", *arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert said in outcome.err


def test_the_commands_of_the_page_run_and_print_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    count = 0
    for block in BLOCK.finditer(PAGE):
        capsys.readouterr()
        for line in block["commands"].splitlines():
            assert main(shlex.split(line)[1:]) == (1 if " diff " in line else 0), line
            count += 1
        if block["output"]:
            assert block["output"] in capsys.readouterr().out
    assert count == 6
