from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run

pytest.importorskip("optuna", reason="Optuna, the engine of comparisons, is not installed")

TASK = """
import torch
from torch import nn
from initwise.comparison import Task
from initwise.comparison.tasks import sgd
from initwise.rules import rule
from initwise.initializers import Normal, Zeros


def build(seed):
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


def data(seed):
    generator = torch.Generator()
    generator.manual_seed(7)
    inputs = torch.randn(64, 4, generator=generator)
    whole = inputs, inputs[:, :3].argmax(1)
    order = torch.randperm(64)
    return [(whole[0][order], whole[1][order])] * 4, [whole]


def loss(model, batch):
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


big = [rule("*.weight", Normal(std=1.0)), rule("*.bias", Zeros())]
task = Task("points", build, data, loss, sgd, steps=10, learning_rates=(0.1,), strategies={"big": big})
number = 5


def made():
    return task
"""
RULES = """
rules:
  - select: "*.weight"
    initializer: {Normal: {std: 0.5}}
  - select: "*.bias"
    initializer: Zeros
"""


@pytest.fixture
def points(folder: Path) -> Path:
    (folder / "points.py").write_text(TASK)
    return folder


def test_a_task_from_a_file_is_compared_and_the_power_is_said_before(points: Path, run: Run) -> None:
    done = run("compare", "points.py", "--strategies", "xavier,kaiming,big", "--seeds", "7", "--workers", "1")
    assert done.code == 0
    assert done.out.startswith("points: 10 steps, 7 seeds; ")
    assert [line.split()[0] for line in done.out.splitlines() if line.startswith(("xavier ", "kaiming ", "big "))] == [
        *["xavier", "kaiming", "big"] * 2
    ]
    first, second = done.err.splitlines()[:2]
    assert "with 7 seeds and 2 contenders a difference of 1 noise is found with" in first
    assert "21 runs of 10 steps (21 to decide), kept in .initwise/points-" in second


def test_the_result_as_json_holds_runs_verdicts_and_curves(points: Path, run: Run) -> None:
    done = run(
        "compare", "points.py:made", "--strategies", "xavier,kaiming", "--seeds", "6", "--workers", "1",
        "--format", "json", "--out", "comparison.json", "--storage", "points.journal", "--rates", "0.05,0.1",
        "--tuning-seeds", "1", "--budget", "8", "--no-racing",
    )  # fmt: skip
    assert done.code == 0, done.err
    found = json.loads(Path("comparison.json").read_text())
    assert found["experiment"]["learning rates"] == [0.05, 0.1]
    assert found["experiment"]["steps"] == 8
    assert len(found["runs"]) == 2 * 2 + 2 * 6
    assert found["best"] in {"xavier", "kaiming"}
    assert set(found["curves"]) == set(found["signals"]) == set(found["learning_rates"]) == {"xavier", "kaiming"}
    assert found["verdicts"]["reference"] == "xavier"


@pytest.mark.long
def test_workers_import_the_task_from_its_file_and_a_worker_without_a_report_finishes_the_experiment(
    points: Path, run: Run
) -> None:
    options = ["points.py", "--strategies", "xavier,big", "--seeds", "6", "--storage", "points.journal"]
    helped = subprocess.run(
        [sys.executable, "-m", "initwise", "compare", *options, "--worker"],
        capture_output=True, text=True, check=False, cwd=points,
    )  # fmt: skip
    assert helped.returncode == 0, helped.stderr
    assert helped.stdout == ""
    assert "the experiment is complete; 12 of its runs were done here" in helped.stderr
    done = run("compare", *options, "--workers", "2")
    assert done.code == 0, done.err
    assert "reference" in done.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digits-mpl"], "there is no built-in task of this name; there are digits-mlp, .*did you mean 'digits-mlp'"),
        (["missing.py"], "there is no file 'missing.py'"),
        (["points.py:number"], "number is a int; give an iw.Task, or a function that returns one"),
        (["points.py:nothing"], "has no 'nothing'"),
        (["points.py", "--strategies", "xavier"], r"there is 1 \(xavier\); a comparison needs at least two"),
        (["points.py", "--strategies", "xavier,xavier"], "'xavier' stands there twice"),
        (["points.py", "--strategies", "xavier,kaimin"], "there is no strategy 'kaimin'; did you mean 'kaiming'"),
        (["points.py", "--seeds", "5"], "with 5 seeds and 1 contender no difference can be significant; 6 are needed"),
        (["points.py", "--strategies", "xavier,,big"], "--strategies 'xavier,,big': a name is empty; give names"),
        (["points.py", "--workers", "0"], "workers is 0, and must be at least 1"),
        (["points.py", "--budget", "0"], "budget is 0, and must be at least 3"),
        (["points.py", "--out", "missing/page.html"], "its folder .* does not exist; create it"),
        (["points.py", "--rates", "fast"], "--rates fast: give numbers with commas between them"),
        (["points.py", "--worker"], "--worker: for which experiment"),
        (["points.py", "--strategies", "xavier,rules.yaml"], "rules.yaml"),
        (["points.py", "--reference", "gpt2"], "reference is 'gpt2', and must be one of 'classic', 'auto', 'best'"),
    ],
)
def test_what_cannot_be_compared_is_named(points: Path, run: Run, arguments: list[str], message: str) -> None:
    import re

    done = run("compare", *arguments)
    assert done.code == 2
    assert re.search(message, done.err), done.err


def test_a_rule_file_is_a_strategy(points: Path, run: Run) -> None:
    (points / "half.yaml").write_text(RULES)
    done = run("compare", "points.py", "--strategies", "xavier,half.yaml", "--seeds", "6", "--workers", "1")
    assert done.code == 0, done.err
    assert "\nhalf " in done.out
