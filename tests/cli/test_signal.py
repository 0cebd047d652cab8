"""`initwise signal`: forms, exit codes, what is measured, and wrong options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from initwise import signals
from initwise.cli import _small
from initwise.errors import ArgumentError
from initwise.model import TraceError
from initwise.signals import Signals
from tests.cli.conftest import Run

MODEL = """
import torch
from torch import nn


class Deep(nn.Module):
    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.first = nn.Linear(16, width)
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(12))
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        x = torch.relu(self.first(x))
        for block in self.blocks:
            x = torch.relu(block(x))
        return self.head(x)


class Broken(Deep):
    def forward(self, x):
        if x.device.type != "meta":
            raise ValueError("not on this device")
        return super().forward(x)


def loss(out):
    return out.square().mean()
"""
LARGE = """
recipe: kaiming
rules:
  - select: blocks.3.weight
    initializer: {Normal: {std: 4.0}}
"""


@pytest.fixture(autouse=True)
def _files(folder: Path) -> None:
    (folder / "deep.py").write_text(MODEL, encoding="utf-8")
    (folder / "large.yaml").write_text(LARGE, encoding="utf-8")


SAID = ("signal", "deep.py:Deep", "--recipe", "kaiming", "--inputs", "32x16")


def test_the_table_shows_each_layer_the_loss_and_the_verdicts(run: Run) -> None:
    outcome = run(*SAID, "--no-measure")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[0] == "Signals of Deep, predicted, with 32x16 float32"
    assert lines[2].split() == ["layer", "E[x^2]", "E[g^2]", "weight", "operation", "correlation"]
    assert [line.split()[0] for line in lines[4:18]] == ["first", *(f"blocks.{index}" for index in range(12)), "head"]
    assert ", ln C = 2.303 (cross entropy of 10 classes with random labels)" in outcome.out
    assert "\nok: forward, first -> head: the signal " in outcome.out
    assert "\nok: backward, first -> head: the gradient " in outcome.out


def test_a_signal_that_explodes_is_exit_code_1_and_the_culprit_is_named(run: Run) -> None:
    outcome = run("signal", "deep.py:Deep", "--rules", "large.yaml", "--inputs", "32x16", "--no-measure")
    assert outcome.code == 1
    assert "\nnot ok: forward, first -> head: the signal grows " in outcome.out
    assert "\n    fix: blocks.3.weight: std " in outcome.out


def test_json_has_predicted_measured_and_all_verdicts(run: Run) -> None:
    outcome = run(*SAID, "--no-measure", "--format", "json")
    data = json.loads(outcome.out)
    assert list(data) == ["ok", "recipe", "seed", "plan_digest", "predicted", "measured", "verdicts"]
    assert (data["ok"], data["recipe"], data["seed"], data["measured"]) == (True, "kaiming", 0, None)
    assert [row["module"] for row in data["predicted"]["rows"] if row["parameters"]][:2] == ["first", "blocks.0"]
    assert [(each["of"], each["direction"]) for each in data["verdicts"]] == [
        ("predicted", "forward"),
        ("predicted", "backward"),
    ]


def test_a_small_model_is_measured_too_and_stands_side_by_side(run: Run) -> None:
    outcome = run(*SAID)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("Signals of Deep, predicted and measured, with 32x16 float32\n")
    assert "\nmeasured / predicted:\n    E[x^2]: " in outcome.out
    data = json.loads(run(*SAID, "--format", "json").out)
    pairs = list(zip(data["predicted"]["rows"], data["measured"]["rows"], strict=True))
    assert all(0.5 < second["second_moment"] / first["second_moment"] < 2 for first, second in pairs[:4])
    assert [each["of"] for each in data["verdicts"]] == ["predicted", "predicted", "measured", "measured"]


def test_without_inputs_it_is_measured_with_those_that_are_built(run: Run) -> None:
    outcome = run("signal", "deep.py:Deep", "--recipe", "kaiming")
    assert outcome.err == ""
    assert outcome.out.startswith("Signals of Deep, predicted and measured, with 2x16 float32\n")


def test_what_is_measured_are_the_weights_of_the_plan(run: Run) -> None:
    def measured(*options: str) -> Any:
        return json.loads(run(*SAID, "--format", "json", *options).out)["measured"]

    assert measured() == measured() == measured("--seed", "0")
    assert measured()["loss"] != measured("--seed", "1")["loss"]
    assert measured("--seeds", "3")["seeds"] == 3


def test_a_large_model_is_only_predicted_unless_asked_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_small, "SMALL", 1000)
    outcome = run(*SAID)
    assert outcome.out.startswith("Signals of Deep, predicted, with")
    assert outcome.err == (
        "initwise: predicted only: 51,658 parameters take memory and time; --measure draws and measures them too\n"
    )
    assert run(*SAID, "--measure").out.startswith("Signals of Deep, predicted and measured")


def test_only_predicted_a_model_needs_no_memory(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.device] = []

    def predict(model: torch.nn.Module, *_: Any) -> Signals:
        seen.extend(each.device for each in model.parameters())
        return Signals("predicted", "Deep", "", (), {})

    monkeypatch.setattr(signals, "predict", predict)
    assert run(*SAID, "--no-measure").code == 0
    assert {each.type for each in seen} == {"meta"}


def test_a_model_that_cannot_run_on_meta_is_measured_where_it_may_be(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: Any) -> Signals:
        raise ArgumentError("predict: not on meta") from TraceError("an operation has no kernel there")

    monkeypatch.setattr(signals, "predict", refuses)
    outcome = run(*SAID)
    assert (outcome.code, outcome.err) == (0, "initwise: measured only: predict: not on meta\n")
    assert outcome.out.startswith("Signals of Deep, measured, with")
    outcome = run(*SAID, "--no-measure")
    assert (outcome.code, outcome.out, outcome.err) == (2, "", "initwise: error: predict: not on meta\n")


def test_a_measurement_that_fails_is_an_error_only_where_it_was_asked_for(run: Run) -> None:
    options = ("deep.py:Broken", "--recipe", "kaiming", "--inputs", "32x16")
    outcome = run("signal", *options)
    assert outcome.code == 0
    assert outcome.out.startswith("Signals of Broken, predicted, with")
    assert "initwise: predicted only: " in outcome.err
    outcome = run("signal", *options, "--measure")
    assert (outcome.code, outcome.out) == (2, "")
    assert "not on this device" in outcome.err


def test_all_shows_activations_too(run: Run) -> None:
    assert " relu " not in run(*SAID, "--no-measure").out.partition("Bars")[0]
    assert run(*SAID, "--no-measure", "--all").out.partition("Bars")[0].count(" relu ") == 13


def test_the_loss_is_a_name_or_a_place_in_code(run: Run) -> None:
    assert " (the loss cross_entropy)\n" in run(*SAID, "--no-measure", "--loss", "cross_entropy").out
    assert " (the loss loss)\n" in run(*SAID, "--no-measure", "--loss", "deep.py:loss").out


@pytest.mark.parametrize("form", ["table", "json", "markdown"])
def test_the_result_goes_into_a_file(run: Run, folder: Path, form: str) -> None:
    printed = run(*SAID, "--no-measure", "--format", form)
    outcome = run(*SAID, "--no-measure", "--format", form, "--out", "signals.txt")
    assert (outcome.code, outcome.out) == (0, "")
    assert (folder / "signals.txt").read_text(encoding="utf-8") == printed.out


def test_markdown_is_a_table_and_a_list(run: Run) -> None:
    out = run(*SAID, "--no-measure", "--format", "markdown").out
    assert "\n| layer | E\\[x^2] |  | E\\[g^2] |  | weight | operation | correlation |\n| --- | ---: |" in out
    assert "\n- ok: forward, first -> head: the signal " in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--recipe", "kaimin"), "--recipe kaimin: there is no such recipe"),
        (("--inputs", "four"), "inputs 'four': 'four' is not understood; write a shape"),
        (("--inputs", "32x17"), "inputs do not fit"),
        (("--loss", "msr"), "--loss msr: write path/to/file.py:function, or one of cross_entropy, mse"),
        (("--no-measure", "--seeds", "2"), "--seeds 2: it says how often to measure; leave --no-measure away."),
        (("--seeds", "0"), "'--seeds'"),
        (("--out", "no/where.txt"), "--out no/where.txt: its folder"),
        (("--format", "sarif"), "'sarif' is not one of"),
    ],
)
def test_wrong_options_are_exit_code_2(run: Run, options: tuple[str, ...], message: str) -> None:
    outcome = run("signal", "deep.py:Deep", *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err


def test_a_fault_of_our_own_is_exit_code_3(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Signals:
        raise ZeroDivisionError

    monkeypatch.setattr(signals, "predict", fails)
    assert run(*SAID, "--no-measure").code == 3


def test_an_error_of_prediction_is_told_before_anything_is_measured(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: Any) -> Signals:
        raise ArgumentError("predict: no")

    monkeypatch.setattr(signals, "predict", refuses)
    outcome = run(*SAID)
    assert (outcome.code, outcome.out, outcome.err) == (2, "", "initwise: error: predict: no\n")
