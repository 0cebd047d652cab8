"""`initwise init`: weights in a file, whole or not at all, with what is needed to make them again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, load_model, save_file
from torch import nn

from initwise.cli import _weights
from initwise.cli._files import atomic
from initwise.cli._signals import terminable
from initwise.cli._target import find_model
from initwise.errors import TargetError
from initwise.planning import Plan, plan
from initwise.writing import apply
from initwise.writing.files import write_file
from tests.cli.conftest import Run


def left(folder: Path) -> set[str]:
    """The files in a folder, but for what every test has there."""
    return {path.name for path in folder.iterdir()} - {"net.py", "__pycache__"}


def test_the_file_holds_what_plan_and_apply_draw_and_says_from_what(run: Run, folder: Path) -> None:
    outcome = run("init", "net.py:Net", "--recipe", "classic", "--seed", "7", "--out", "w.safetensors")
    assert outcome.code == 0
    model = find_model("net.py:Net").build()
    made = plan(model, "classic", seed=7)
    apply(model, made)
    found = load_file("w.safetensors")
    assert set(found) == set(model.state_dict()) - {"head.weight"}
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in found.items())
    with safe_open("w.safetensors", "pt") as file:
        assert file.metadata() == {
            "format": "pt",
            "head.weight": "embed.weight",
            "buffers": '["scale"]',
            "plan_digest": made.digest(),
            "seed": "7",
            "stream_version": "1",
            "recipe": "classic",
            "initwise_version": "0.1.0",
        }


def test_it_says_what_was_planned_checked_and_written(run: Run) -> None:
    outcome = run("init", "net.py:Net", "--recipe", "classic", "--out", "w.safetensors", "--plan-out", "plan.json")
    assert "embed.weight      x1  10 x 8  embedding  embedding    1 -> 8  N(0, 1²)" in outcome.out
    assert outcome.out.endswith(
        "\n\n5 parameters drawn and checked: each holds its law.\n"
        f"Wrote w.safetensors ({Path('w.safetensors').stat().st_size:,} bytes), with the plan's digest and seed in its"
        " metadata.\nWrote plan.json.\n"
    )
    assert outcome.err == "the model's own words\n"


def test_json_tells_machines_the_same(run: Run) -> None:
    told = json.loads(run("init", "net.py:Net", "--recipe", "classic", "--out", "w.st", "--format", "json").out)
    assert {key: told[key] for key in ("weights", "plan", "parameters", "elements", "seed", "recipe", "findings")} == {
        "weights": "w.st",
        "plan": None,
        "parameters": 5,
        "elements": 168,
        "seed": 0,
        "recipe": "classic",
        "findings": [],
    }


def test_the_same_command_writes_the_same_bytes_and_another_seed_others(run: Run, folder: Path) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert run("init", "net.py:Net", "--recipe", "classic", "--seed", seed, "--out", name).code == 0
    digests = [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in "abc"]
    assert digests[0] == digests[1] != digests[2]


def test_what_the_plan_keeps_is_repeatable_too(run: Run, folder: Path) -> None:
    (folder / "keep.yaml").write_text("recipe: classic\nrules:\n- {select: hidden.weight, initializer: Keep}\n")
    for name in "ab":
        outcome = run("init", "net.py:Net", "--rules", "keep.yaml", "--out", name)
        assert outcome.code == 0
        assert "4 parameters drawn and checked: each holds its law. 1 kept." in outcome.out
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()


def test_the_plan_is_written_beside_the_weights(run: Run, folder: Path) -> None:
    run("init", "net.py:Net", "--recipe", "classic", "--out", "w.st", "--plan-out", "plan.json")
    with safe_open("w.st", "pt") as file:
        written = file.metadata()["plan_digest"]
    assert Plan.from_dict(json.loads((folder / "plan.json").read_text())).digest() == written
    assert left(folder) == {"w.st", "plan.json"}


def test_an_existing_file_is_replaced_and_a_link_stays_a_link(run: Run, folder: Path) -> None:
    (folder / "real.st").write_bytes(b"old")
    (folder / "link.st").symlink_to("real.st")
    assert run("init", "net.py:Net", "--recipe", "classic", "--out", "link.st").code == 0
    assert (folder / "link.st").is_symlink()
    assert len(load_file(folder / "real.st")) == 6


def test_the_file_has_the_permissions_that_new_files_have(run: Run, folder: Path) -> None:
    (folder / "other").touch()
    run("init", "net.py:Net", "--recipe", "classic", "--out", "w.st")
    assert (folder / "w.st").stat().st_mode == (folder / "other").stat().st_mode


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_a_dtype_is_that_of_the_file(run: Run, dtype: str) -> None:
    assert run("init", "net.py:Net", "--recipe", "classic", "--dtype", dtype, "--out", "w.st").code == 0
    assert {str(tensor.dtype) for tensor in load_file("w.st").values()} == {f"torch.{dtype}"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "absent/w.st"], "--out absent/w.st: its folder .*/absent does not exist; create it"),
        (["--out", "net.py/w.st"], "--out net.py/w.st: its folder .*/net.py is no folder"),
        (["--out", "net.py/"], "--out net.py: no folder can be made here: File exists"),
        (["--out", "net.py/w/"], "--out net.py/w: no folder can be made here: Not a directory"),
        (
            ["--out", "w.safetensors", "--max-shard-size", "5GB"],
            "--max-shard-size: its files go into a folder, and --out w.safetensors is the name of a file; give a",
        ),
        (["--out", "w/", "--max-shard-size", "much"], "--max-shard-size is 'much'; give a number and B, KB, MB"),
        (["--out", "/dev/null"], "--out /dev/null: this is no regular file"),
        (["--out", "w.st", "--plan-out", "absent/p"], "--plan-out absent/p: its folder .*/absent does not exist"),
        (
            ["--out", "w.st", "--plan-out", "./w.st"],
            "--plan-out w.st: this is --out as well; give it a file of its own",
        ),
    ],
)
def test_a_place_that_cannot_be_written_is_told_before_the_model_is_built(
    run: Run, folder: Path, options: list[str], message: str
) -> None:
    outcome = run("init", "net.py:raises", "--recipe", "classic", *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert re.search(message, outcome.err)
    assert "no such width" not in outcome.err
    assert left(folder) == set()


def test_a_read_only_folder_is_told(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write anywhere, so the refusal is the system call's.
    def refuse(*_: Any) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    outcome = run("init", "net.py:raises", "--recipe", "classic", "--out", "w.st")
    assert outcome.code == 2
    assert (
        f"--out w.st: nothing can be written in {folder}: Permission denied; make that folder writable" in outcome.err
    )


@pytest.mark.parametrize("target", ["net.py:raises", "net.py:number", "net.py:interrupted"])
def test_a_model_that_cannot_be_built_leaves_no_file(run: Run, folder: Path, target: str) -> None:
    assert run("init", target, "--recipe", "classic", "--out", "w.st", "--plan-out", "p").code in {2, 130}
    assert left(folder) == set()


def test_a_full_disk_leaves_no_file_and_the_old_one_as_it_was(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *_: Any) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    (folder / "w.st").write_bytes(b"old")
    monkeypatch.setattr(_weights, "write_file", full)
    outcome = run("init", "net.py:Net", "--recipe", "classic", "--out", "w.st")
    assert outcome.code == 2
    assert "writing the weights failed: No space left on device; no file was left." in outcome.err
    assert (folder / "w.st").read_bytes() == b"old"
    assert left(folder) == {"w.st"}


def test_weights_that_are_not_as_planned_are_findings_and_leave_no_file(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("initwise.cli.init.apply", lambda model, made: None)
    outcome = run("init", "net.py:Net", "--recipe", "xavier", "--out", "w.st")
    assert (outcome.code, outcome.out) == (1, "")
    assert "the weights are not what the plan asked for; no file was written." in outcome.err
    assert "error INI105 hidden.bias: " in outcome.err
    assert left(folder) == set()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_the_model_is_built_leaves_no_file(folder: Path, number: int, code: int) -> None:
    (folder / "slow.py").write_text(
        "import time, pathlib\ndef build():\n    pathlib.Path('started').touch()\n    time.sleep(60)\n"
    )
    arguments = ["-m", "initwise", "init", "slow.py:build", "--recipe", "classic", "--out", "w.st"]
    # Tests that run in the background of a shell are started with SIGINT ignored, and so would be this process.
    heed = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-c", heed, sys.executable, *arguments]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    while not (folder / "started").exists() and process.poll() is None:
        time.sleep(0.05)
    assert any(name.startswith(".w.st.") for name in left(folder))
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "no file was left behind" in err
    assert left(folder) == {"slow.py", "started"}


def test_the_handlers_of_signals_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with terminable():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_an_atomic_file_appears_at_the_end_or_not_at_all(tmp_path: Path) -> None:
    place = tmp_path / "file"
    with contextlib.suppress(RuntimeError), atomic(place) as temporary:
        temporary.write_text("half")
        assert not place.exists()
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with atomic(place) as temporary:
        temporary.write_text("whole")
        assert temporary.parent == tmp_path
    assert place.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [place]


class Views(nn.Module):
    """A state with everything a file must take apart: views of one storage, strides, scalars, empty and odd dtypes."""

    def __init__(self) -> None:
        super().__init__()
        packed = torch.arange(6.0)
        self.register_buffer("first", packed[:3])
        self.register_buffer("second", packed[3:])
        self.register_buffer("same", packed[:3])
        self.register_buffer("turned", torch.arange(6.0).reshape(2, 3).t())
        self.register_buffer("scalar", torch.tensor(True))
        self.register_buffer("empty", torch.zeros(0, 3))
        self.register_buffer("nothing", torch.zeros(0, 3))
        self.register_buffer("complex", torch.tensor([1 + 2j]))
        self.register_buffer("brain", torch.tensor([0.5], dtype=torch.bfloat16))


def test_views_strides_scalars_and_odd_dtypes_survive(tmp_path: Path) -> None:
    model = Views()
    _weights.save(model, tmp_path / "w.st", {"seed": "0"})
    found = load_file(tmp_path / "w.st")
    assert set(found) == set(model.state_dict()) - {"same"}
    for name, tensor in found.items():
        assert tensor.dtype == model.state_dict()[name].dtype
        assert torch.equal(tensor, model.state_dict()[name])


def test_our_writer_and_the_librarys_write_files_that_read_the_same(tmp_path: Path) -> None:
    tensors = {
        "b": torch.randn(3, 2),
        "a": torch.arange(5),
        "c": torch.ones(1, dtype=torch.float64),
        "ü": torch.ones(2),
    }
    write_file(tmp_path / "ours", tensors, {"k": "ö"})
    save_file(tensors, tmp_path / "theirs", {"k": "ö"})
    ours, theirs = load_file(tmp_path / "ours"), load_file(tmp_path / "theirs")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in tensors)
    with safe_open(tmp_path / "ours", "pt") as file:
        assert file.metadata() == {"k": "ö"}


def test_a_dtype_that_the_format_lacks_is_told(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"w: safetensors has no dtype torch\.complex128; allowed are torch\.float64"):
        write_file(tmp_path / "w", {"w": torch.ones(1, dtype=torch.complex128)}, {})


def test_the_librarys_own_loader_restores_ties(run: Run) -> None:
    run("init", "net.py:Net", "--recipe", "classic", "--out", "w.st")
    model = find_model("net.py:Net").build()
    missing, unexpected = load_model(model, "w.st")
    assert (set(missing), set(unexpected)) == (set(), set())
    assert model.get_parameter("head.weight") is model.get_parameter("embed.weight")
