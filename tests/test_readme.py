"""Every snippet in the README and in docs/ runs, and prints what the page says it prints."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from initwise.cli import main
from scripts import reference

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NEEDED = {  # optional libraries that the snippets of a page use
    "compare.md": ("optuna",),
    "frameworks.md": ("lightning", "transformers", "accelerate"),
}
SNIPPET = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\n*^```text\n(?P<output>.*?)^```\n)?", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Snippet:
    """A block of Python on a page, and what it prints where the page says so."""

    line: int
    code: str
    output: str | None


def snippets(text: str) -> list[Snippet]:
    """The snippets of a page, in order."""
    found = SNIPPET.finditer(text)
    return [Snippet(text.count("\n", 0, one.start()) + 2, one["code"], one["output"]) for one in found]


def run(page: Path, text: str) -> list[tuple[Snippet, str]]:
    """Run the snippets of a page one after the other, as a reader would, and return what each prints."""
    names: dict[str, Any] = {"__name__": "snippet"}
    printed = []
    for snippet in snippets(text):
        stream = io.StringIO()
        code = compile("\n" * (snippet.line - 1) + snippet.code, str(page), "exec")  # errors name the page's own line
        with contextlib.redirect_stdout(stream):
            exec(code, names)  # noqa: S102 - the snippets are ours
        printed.append((snippet, stream.getvalue()))
    return printed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_snippets_of_a_page_run_and_print_what_it_says(page: Path) -> None:
    for library in NEEDED.get(page.name, ()):
        pytest.importorskip(library)
    for snippet, printed in run(page, page.read_text(encoding="utf-8")):
        if snippet.output is not None:
            assert printed.rstrip() == snippet.output.rstrip(), f"{page.name}, line {snippet.line}"


def commands(text: str) -> list[list[str]]:
    """The initwise commands of a page's shell blocks, in order."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    return [words[1:] for words in lines if words[:1] == ["initwise"]]


def test_the_commands_of_the_readme_run_clean_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    told = commands(PAGES[0].read_text(encoding="utf-8"))
    assert len(told) >= 5
    for words in told:
        arguments, into = (words[:-2], Path(words[-1])) if ">" in words else (words, None)
        capsys.readouterr()
        assert main(arguments) == 0, " ".join(words)
        if into is not None:
            into.write_text(capsys.readouterr().out, encoding="utf-8")


def test_the_reference_is_current() -> None:
    there, due = reference.PAGE.read_text(encoding="utf-8").splitlines(), reference.page().splitlines()
    assert set(due) ^ set(there) == set(), "run `make docs`"
    assert there == due, "run `make docs`"


def test_the_readme_has_snippets_with_output() -> None:
    assert any(snippet.output for snippet in snippets(PAGES[0].read_text(encoding="utf-8")))


def test_snippets_share_names_and_a_wrong_output_is_seen() -> None:
    text = "```python\nx = 2\n```\n\n```python\nprint(x + 1)\n```\n\n```text\n4\n```\n"
    assert [(snippet.output, printed) for snippet, printed in run(ROOT / "page.md", text)] == [
        (None, ""),
        ("4\n", "3\n"),
    ]
