"""`initwise init` into a folder: weights that may be larger than memory, file by file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import initwise as iw
from initwise.cli._signals import Terminated
from initwise.cli._target import find_model
from initwise.writing.files import STATE, _sharded
from tests.cli.conftest import Run
from tests.writing.files.streamed import INDEX, assert_holds

NET = ("init", "net.py:Net", "--recipe", "classic", "--seed", "7")


def left(folder: Path) -> set[str]:
    """The files in a folder, but for what every test has there."""
    return {path.name for path in folder.iterdir()} - {"net.py", "__pycache__"}


@pytest.mark.parametrize("out", [["new/"], ["new", "--max-shard-size", "300B"], ["a/b/", "--max-shard-size", "1"]])
def test_a_folder_holds_what_a_file_would(run: Run, folder: Path, out: list[str]) -> None:
    outcome = run(*NET, "--out", *out)
    assert (outcome.code, run(*NET, "--out", "w.safetensors").code) == (0, 0)
    model = find_model("net.py:Net").build()
    iw.apply(model, iw.plan(model, "classic", seed=7))
    assert_holds(folder / out[0], model)
    assert iw.digest("w.safetensors", buffers="persistent") == iw.digest(out[0], buffers="persistent")
    if len(out) == 1:
        assert (folder / "new" / "model.safetensors").read_bytes() == (folder / "w.safetensors").read_bytes()


def test_a_folder_that_is_there_is_one(run: Run, folder: Path) -> None:
    (folder / "there").mkdir()
    assert run(*NET, "--out", "there").code == 0
    assert left(folder / "there") == {"model.safetensors"}


def test_it_says_what_was_planned_and_written_and_what_was_not_checked(run: Run, folder: Path) -> None:
    outcome = run(*NET, "--out", "new/", "--max-shard-size", "300B", "--plan-out", "new/plan.json")
    size = sum((folder / "new" / name).stat().st_size for name in left(folder / "new") - {"plan.json"})
    assert "embed.weight      x1  10 x 8  embedding  embedding    1 -> 8  N(0, 1²)" in outcome.out
    assert outcome.out.endswith(
        "\n\n5 parameters drawn.\n"
        "171 elements, at both ends of each tensor and within, were read back and drawn again: each is as planned.\n"
        f"Wrote new: 4 files ({size:,} bytes), with the plan's digest and seed in their metadata.\n"
        "Wrote new/plan.json.\n"
    )
    again = run(*NET, "--out", "new/", "--max-shard-size", "300B")
    assert f"Wrote new: 4 files ({size:,} bytes), of which 3 stood there already, with the plan's" in again.out


def test_json_tells_machines_the_same(run: Run) -> None:
    told = json.loads(run(*NET, "--out", "new", "--max-shard-size", "300B", "--format", "json").out)
    keys = ("weights", "files_kept", "plan", "parameters", "elements", "elements_rechecked", "seed", "recipe")
    assert [told[key] for key in keys] == ["new", 0, None, 5, 168, 171, 7, "classic"]
    assert told["files"] == [*(f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)), INDEX]


def test_a_dtype_is_that_of_the_files(run: Run, folder: Path) -> None:
    assert run(*NET, "--out", "narrow/", "--dtype", "bfloat16").code == 0
    model = find_model("net.py:Net", dtype="bfloat16").build()
    iw.apply(model, iw.plan(model, "classic", seed=7))
    assert_holds(folder / "narrow", model)


def test_what_meta_cannot_tell_is_built_in_memory_and_said(run: Run, folder: Path) -> None:
    (folder / "keep.yaml").write_text("recipe: classic\nrules:\n- {select: hidden.weight, initializer: Keep}\n")
    assert run("init", "net.py:Net", "--rules", "keep.yaml", "--out", "w.st").code == 0
    outcome = run("init", "net.py:Net", "--rules", "keep.yaml", "--out", "new/")
    assert outcome.code == 0
    assert "initwise: the model is built, and held in memory: 'hidden.weight' (kept by the plan, " in outcome.err
    assert "4 parameters drawn, 1 kept.\n" in outcome.out
    assert (folder / "new" / "model.safetensors").read_bytes() == (folder / "w.st").read_bytes()


RANDOM = """
import torch
from torch import nn

class Own(nn.Module):
    def __init__(self, width: int, noise: bool) -> None:
        super().__init__()
        self.large = nn.Linear(width, 300)
        self.register_buffer("noise", torch.randn(3) if noise else torch.full((3,), float(width)))

def quiet():
    return Own(300, False)

def noisy():
    return Own(300, True)
"""


@pytest.mark.parametrize(("target", "said"), [("quiet", ""), ("noisy", "'noise' is drawn by the model's own code")])
def test_buffers_of_the_models_own_code_are_those_of_a_file_too(run: Run, folder: Path, target: str, said: str) -> None:
    (folder / "own.py").write_text(RANDOM)
    assert run("init", f"own.py:{target}", "--recipe", "kaiming", "--out", "w.st").code == 0
    outcome = run("init", f"own.py:{target}", "--recipe", "kaiming", "--out", "new/")
    assert outcome.code == 0
    assert outcome.err == (f"initwise: the model is built, and held in memory: {said}\n" if said else "")
    assert (folder / "new" / "model.safetensors").read_bytes() == (folder / "w.st").read_bytes()


def test_a_model_that_meta_cannot_build_is_held_in_memory(run: Run, folder: Path) -> None:
    for out in ("w.st", "new/"):
        assert run("init", "net.py:CpuOnly", "--recipe", "kaiming", "--out", out).code == 0
    assert (folder / "new" / "model.safetensors").read_bytes() == (folder / "w.st").read_bytes()


def test_verify_and_digest_take_the_folder_and_its_index(run: Run, folder: Path) -> None:
    assert run(*NET, "--out", "new", "--max-shard-size", "300B", "--plan-out", "plan.json").code == 0
    for path in ("new", f"new/{INDEX}"):
        assert run("verify", "net.py:Net", "--plan", "plan.json", "--weights", path).code == 0
    assert run("diff", "net.py:Net", "--plan", "plan.json", "--weights", "new").code == 0
    planned = run("digest", *NET[1:]).out.splitlines()[0]
    assert run("digest", "new").out.splitlines()[0] == planned


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "8"], r"new: holds other weights|new/model.safetensors holds other weights (plan "),
        (["--max-shard-size", "1"], "new holds weights of another model, plan or max_shard_size: model.safetensors"),
    ],
)
def test_other_weights_are_usage_errors_and_stay(run: Run, folder: Path, arguments: list[str], message: str) -> None:
    assert run(*NET, "--out", "new/").code == 0
    before = (folder / "new" / "model.safetensors").read_bytes()
    outcome = run("init", "net.py:Net", "--recipe", "classic", "--out", "new/", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert message.rsplit("|", maxsplit=1)[-1] in outcome.err
    assert (folder / "new" / "model.safetensors").read_bytes() == before


def test_a_model_that_cannot_be_built_leaves_no_folder_that_was_not_there(run: Run, folder: Path) -> None:
    (folder / "there").mkdir()
    for out in ("new/", "there"):
        assert run("init", "net.py:raises", "--recipe", "classic", "--out", out).code == 2
    assert left(folder) == {"there"}


def test_a_folder_that_is_read_only_is_told_before_the_model_is_built(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    outcome = run("init", "net.py:raises", "--recipe", "classic", "--out", "new/")
    assert outcome.code == 2
    assert "--out new: nothing can be written in this folder; make it writable, or choose another." in outcome.err
    assert left(folder) <= {"new"}


SLOW = """
import time
from pathlib import Path
import initwise.writing.files._sharded as sharded
from initwise.cli import main
publish = sharded.publish
def slowly(place):
    publish(place)
    Path("started").touch()
    while not Path("go").exists():
        time.sleep(0.05)
sharded.publish = slowly
raise SystemExit(main())
"""


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_an_interrupt_is_told_with_how_to_go_on(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, stop: type[BaseException], code: int
) -> None:
    def stopped(*_: Any, **__: Any) -> None:
        raise stop

    monkeypatch.setattr(_sharded, "write_parts_to", stopped)
    outcome = run(*NET, "--out", "new/")
    assert (outcome.code, outcome.out) == (code, "")
    assert "; 0 whole files in new; the same command goes on from there" in outcome.err
    assert left(folder / "new") == {STATE}


@pytest.mark.long
@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_signal_leaves_whole_files_and_says_how_to_go_on(
    run: Run, folder: Path, number: int, code: int, word: str
) -> None:
    (folder / "slow.py").write_text(SLOW)
    arguments = [*NET, "--out", "new", "--max-shard-size", "300B"]
    # Tests that run in the background of a shell are started with SIGINT ignored, and so would be this process.
    heed = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-c", heed, sys.executable, "slow.py", *arguments]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    while not (folder / "started").exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(number)
    time.sleep(0.2)  # of a system call; the process waits meanwhile
    (folder / "go").touch()
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert f"initwise: error: {word}; 1 whole file in new; the same command goes on from there" in err
    assert STATE in left(folder / "new")
    assert not [name for name in left(folder / "new") if name.endswith(".tmp") or name == INDEX]
    assert run(*arguments).code == 0
    assert run(*NET, "--out", "other", "--max-shard-size", "300B").code == 0
    for path in (folder / "other").iterdir():
        assert (folder / "new" / path.name).read_bytes() == path.read_bytes()
    assert left(folder / "new") == left(folder / "other")
