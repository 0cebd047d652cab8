"""The pages about the command line: every command runs and prints what the page says, every rule file is read."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from initwise.cli import main
from initwise.cli._rules_file import read_rules

ROOT = Path(__file__).parents[2]
CLI = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
SIGNALS = (ROOT / "docs" / "signals-terminal.md").read_text(encoding="utf-8")
RULES = (ROOT / "docs" / "rules-file.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```sh\n(?P<commands>.*?)^```\n(?:\n*^```text\n(?P<output>.*?)^```\n)?", re.MULTILINE | re.DOTALL)


def blocks(page: str, kind: str) -> list[str]:
    """The fenced blocks of one kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def test_the_commands_of_the_page_run_and_print_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    count = 0
    for block in BLOCK.finditer(CLI):
        capsys.readouterr()
        for line in block["commands"].splitlines():
            assert main(shlex.split(line)[1:]) == 0, line
            count += 1
        if block["output"]:
            assert block["output"] in capsys.readouterr().out
    assert count == 19


def test_the_commands_of_the_page_about_signals_print_what_it_shows_but_for_the_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "wrong.yaml").write_text(blocks(SIGNALS, "yaml")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    shown = 0
    for block in BLOCK.finditer(SIGNALS):
        capsys.readouterr()
        for line in block["commands"].splitlines():
            assert main(shlex.split(line, comments=True)[1:]) == int("# exit code 1" in line), line
        if block["output"]:
            assert numberless(capsys.readouterr().out) == numberless(block["output"])
            shown += 1
    assert shown == 4


def numberless(text: str) -> list[str]:
    """What stays of an output where numbers, bars and the widths of columns differ a little: between machines."""
    words = re.sub(r"[▁▂▃▄▅▆▇█▏▎▍▌▋▊▉]+|-{2,}", "", text)
    words = re.sub(r"-?\d[\d.]*(e[-+]?\d+)?(\.\.\d[\d.]*(e[-+]?\d+)?)?", "#", words)
    return re.sub(r"grows|shrinks", "changes", words).split()


def test_the_rule_files_of_the_page_are_read_and_say_the_same(tmp_path: Path) -> None:
    for ending in ("yaml", "toml"):
        (tmp_path / f"rules.{ending}").write_text(blocks(RULES, ending)[0], encoding="utf-8")
    read = read_rules(tmp_path / "rules.yaml")
    assert read == read_rules(tmp_path / "rules.toml")
    assert (read.seed, len(read.rules)) == (7, 5)
