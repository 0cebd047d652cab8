"""`initwise report`: what is written where, the line that is printed, exit codes, and wrong options before any work."""

from __future__ import annotations

import re
import webbrowser
from pathlib import Path
from typing import Any

import pytest

from initwise import pages
from initwise.cli import _small
from initwise.pages import Page
from tests.cli.conftest import Run

MODEL = """
from torch import nn


class Deep(nn.Module):
    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(each for _ in range(6) for each in (nn.Linear(width, width), nn.ReLU())))
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        return self.head(self.blocks(x))


def loss(out):
    return out.square().mean()
"""
WRONG = """
recipe: kaiming
rules:
  - select: blocks.4.weight
    initializer: {Normal: {std: 4.0}}
"""
GOOD = "All is well. Every parameter has a law, and the signal keeps its size.\n"


@pytest.fixture(autouse=True)
def _files(folder: Path) -> None:
    (folder / "deep.py").write_text(MODEL, encoding="utf-8")
    (folder / "wrong.yaml").write_text(WRONG, encoding="utf-8")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What `iw.report` is called with, call by call."""
    calls: list[dict[str, Any]] = []
    report = pages.report

    def watched(model: Any, plan: Any, inputs: Any, **options: Any) -> Page:
        calls.append({"model": model, "plan": plan, "inputs": inputs, **options})
        return report(model, plan, inputs, **options)

    monkeypatch.setattr(pages, "report", watched)
    return calls


SAID = ("report", "deep.py:Deep", "--recipe", "kaiming")


@pytest.mark.parametrize(
    ("name", "beginning"),
    [("page.html", "<!doctype html>"), ("page.md", "# Deep at initialization\n"), ("page.svg", "<svg ")],
)
def test_the_ending_says_what_is_written_and_one_line_says_how_it_stands(
    run: Run, folder: Path, name: str, beginning: str
) -> None:
    outcome = run(*SAID, "--no-measure", "--out", name)
    assert (outcome.code, outcome.out, outcome.err) == (0, f"{name}: {GOOD}", "")
    assert (folder / name).read_text(encoding="utf-8").lower().startswith(beginning.lower())


def test_without_a_place_it_is_report_html(run: Run, folder: Path) -> None:
    assert run(*SAID, "--no-measure").out.startswith("report.html: ")
    assert (folder / "report.html").is_file()


def test_a_culprit_is_exit_code_1_and_the_page_is_written_all_the_same(run: Run, folder: Path) -> None:
    outcome = run("report", "deep.py:Deep", "--rules", "wrong.yaml", "--no-measure", "--out", "page.md")
    assert outcome.code == 1
    assert re.fullmatch(r"page\.md: \d+ things? to look at\. blocks\.4\.weight has std 4, .*\n", outcome.out)
    assert "blocks.4.weight" in (folder / "page.md").read_text(encoding="utf-8")


def test_a_small_model_is_measured_with_the_weights_of_the_plan(run: Run, asked: list[dict[str, Any]]) -> None:
    assert run(*SAID, "--seed", "3", "--out", "page.md").code == 0
    (call,) = asked
    assert call["measured"] is True
    assert call["plan"].seed == 3
    std = call["model"].blocks[0].weight.std().item()
    assert std == pytest.approx(call["plan"]["blocks.0.weight"].law.std, rel=0.1)


def test_a_large_model_is_planned_and_predicted_without_memory(
    run: Run, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_small, "SMALL", 1000)
    outcome = run(*SAID, "--out", "page.md")
    assert outcome.err.startswith("initwise: predicted only: 25,610 parameters take memory and time; --measure draws")
    assert asked[0]["measured"] is False
    assert all(each.is_meta for each in asked[0]["model"].parameters())


def test_inputs_loss_and_a_second_recipe_are_passed_on(run: Run, folder: Path, asked: list[dict[str, Any]]) -> None:
    options = ("--inputs", "8x64", "--loss", "deep.py:loss", "--other", "xavier", "--no-measure", "--out", "page.md")
    assert run(*SAID, *options).code == 0
    assert asked[0]["inputs"].description == "8x64 float32"
    assert asked[0]["loss"].__name__ == "loss"
    assert asked[0]["other"] == "xavier"
    assert "the loss loss" in (folder / "page.md").read_text(encoding="utf-8")


def test_the_browser_opens_only_where_it_was_asked_to(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(webbrowser, "open", shown.append)
    run(*SAID, "--no-measure", "--out", "page.svg")
    assert shown == []
    run(*SAID, "--no-measure", "--out", "page.svg", "--open")
    assert shown == [(folder / "page.svg").as_uri()]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--out", "no/where.html"), "report: 'no/where.html' cannot be written: there is no folder 'no'"),
        (("--out", "page.pdf"), "report: path is 'page.pdf'; it must end with .html"),
        (("--out", "page"), "report: path is 'page'; it must end with .html"),
        (("--other", "xavie"), "--other xavie: there is no such recipe; there are "),
        (("--recipe", "xavie"), "--recipe xavie: there is no such recipe"),
        (("--loss", "msr"), "--loss msr: write path/to/file.py:function"),
        (("--inputs", "four"), "inputs 'four': 'four' is not understood"),
    ],
)
def test_what_is_wrong_with_the_options_is_told_before_a_model_is_built(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], message: str
) -> None:
    def build(*_: Any, **__: Any) -> None:
        raise AssertionError("a model was built")

    monkeypatch.setattr("initwise.cli._target.Model.build", build)
    outcome = run("report", "deep.py:Deep", *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err
    assert sorted(each.name for each in folder.iterdir() if each.name.startswith(("page", "report", "."))) == []


def test_where_a_page_fails_the_old_one_stays(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "page.html").write_text("old", encoding="utf-8")

    def fails(*_: Any, **__: Any) -> Page:
        raise ZeroDivisionError

    monkeypatch.setattr(pages, "report", fails)
    assert run(*SAID, "--no-measure", "--out", "page.html").code == 3
    assert (folder / "page.html").read_text(encoding="utf-8") == "old"
    assert not list(folder.glob(".page*"))


def test_inputs_that_do_not_fit_are_exit_code_2(run: Run, folder: Path) -> None:
    outcome = run(*SAID, "--inputs", "8x63", "--out", "page.html")
    assert (outcome.code, outcome.out) == (2, "")
    assert "inputs do not fit the model: linear in 'blocks.0'" in outcome.err
    assert not (folder / "page.html").exists()
