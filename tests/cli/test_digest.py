"""`initwise digest`: what `init` wrote has the digest of what it would write, and of the model that it came from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

import initwise as iw
from initwise.cli import _planned
from tests.cli.conftest import Run


@pytest.fixture
def plain(folder: Path) -> Path:
    """A model whose plan keeps nothing, with a law that is drawn at once and one that is cut into blocks."""
    (folder / "plain.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.embed = nn.Embedding(50, 8)\n"
        "        self.padded = nn.Embedding(9, 8, padding_idx=4)\n"
        "        self.attention = nn.MultiheadAttention(8, 2)\n"
        "        self.norm = nn.BatchNorm1d(8)\n",
        encoding="utf-8",
    )
    rules = "recipe: classic\nrules:\n  - select: attention.out_proj.weight\n    initializer: Orthogonal\n"
    (folder / "rules.yaml").write_text(rules, encoding="utf-8")
    return folder


@pytest.mark.parametrize("given", [("--recipe", "classic"), ("--rules", "rules.yaml")])
@pytest.mark.parametrize("stretch", [2**22, 7])
def test_a_file_and_its_plan_have_one_digest(
    run: Run, plain: Path, given: tuple[str, ...], stretch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_planned, "STRETCH", stretch)
    assert run("init", "plain.py:Net", *given, "--seed", "7", "--out", "w.safetensors").code == 0
    planned = run("digest", "plain.py:Net", *given, "--seed", "7")
    stored = run("digest", "w.safetensors")
    assert (planned.code, stored.code, planned.err) == (0, 0, "")
    assert planned.out.splitlines()[0] == stored.out.splitlines()[0]
    assert planned.out.splitlines()[0] != run("digest", "plain.py:Net", *given).out.splitlines()[0]
    other = run("digest", "plain.py:Net", *given, "--seed", "7", "--buffers")
    assert other.out.splitlines()[0] == run("digest", "w.safetensors", "--buffers").out.splitlines()[0]
    assert "the model is built, and held in memory, for buffers" in other.err


def test_the_result_as_text_and_as_data(run: Run, folder: Path) -> None:
    run("init", "net.py:Net", "--recipe", "classic", "--out", "w.safetensors")
    text = run("digest", "w.safetensors").out.splitlines()
    assert text[0] == iw.digest(folder / "w.safetensors")
    assert text[1].startswith("5 tensors, 168 elements, 672 bytes in 0.")
    assert text[1].endswith(" GB/s)")
    data = json.loads(run("digest", "w.safetensors", "--format", "json").out)
    assert list(data) == ["digest", "tensors", "elements", "bytes", "seconds", "gigabytes_per_second"]
    assert [data["digest"], *list(data.values())[1:4]] == [text[0], 5, 168, 672]


def test_files_of_others_take_names_buffers_and_ties_from_a_target(run: Run, plain: Path) -> None:
    run("init", "plain.py:Net", "--recipe", "classic", "--out", "w.safetensors")
    expected = run("digest", "w.safetensors").out.splitlines()[0]
    save_file(load_file("w.safetensors"), "other.safetensors")
    alone = run("digest", "other.safetensors")
    assert alone.out.splitlines()[0] != expected
    assert "do not say which tensors are buffers" in alone.err
    assert run("digest", "other.safetensors", "--like", "plain.py:Net").out.splitlines()[0] == expected


def test_a_model_whose_plan_keeps_something_is_built_for_it(run: Run, folder: Path) -> None:
    (folder / "kept.yaml").write_text(
        "recipe: classic\nrules:\n  - select: hidden.weight\n    initializer: Keep\n", encoding="utf-8"
    )
    given = ("--rules", "kept.yaml", "--seed", "3")
    assert run("init", "net.py:Net", *given, "--out", "w.safetensors").code == 0
    planned = run("digest", "net.py:Net", *given)
    assert "built, and held in memory, for what the plan keeps ('hidden.weight')" in planned.err
    assert planned.out.splitlines()[0] == run("digest", "w.safetensors").out.splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.safetensors",), "digest: none.safetensors: there is no such file or folder; give a .safetensors file"),
        (("net.py",), "digest: net.py: this is no file of weights; give a .safetensors file"),
        (("net.py", "--seed", "1"), "digest net.py: this is a path, whose weights are there; --recipe, --rules"),
        (("net.py", "--set", "width=3"), "--set and --dtype: they are for a model; give --like TARGET too"),
        (("net.py:Net", "--like", "net.py:Net"), "--like: it is for files, and 'net.py:Net' is a TARGET"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_wrong_usage_is_named(run: Run, arguments: tuple[str, ...], said: str) -> None:
    outcome = run("digest", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
