"""A process that is killed while it writes leaves nothing that looks whole, and the same call goes on from there."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import initwise as iw
from initwise.errors import DigestError
from tests.writing.files.killed import OPTIONS, model, plan
from tests.writing.files.streamed import INDEX

EVENTS = 44  # of a whole run; the first test holds it
NEVER = 1000


def run_children(folder: Path, *moments: int) -> list[int]:
    """Write once for each moment, to the end or until the child is killed; return the exit codes."""
    command = [sys.executable, "-m", "tests.writing.files.killed", str(folder), *map(str, moments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    codes: list[int] = json.loads(done.stdout)
    if NEVER in moments:
        assert done.stderr == f"{EVENTS} events"
    return codes


def contents(folder: Path) -> dict[str, bytes]:
    """All files in a folder, hidden ones included."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def assert_not_presented_as_whole(folder: Path, whole: dict[str, bytes]) -> None:
    """Parts that have their name are whole; index and note tell that not all is there, and so does a digest."""
    left = contents(folder) if folder.exists() else {}
    for name, data in left.items():
        assert data == whole.get(name, data)
    if INDEX not in left:
        with pytest.raises(DigestError, match=r"no such file or folder|holds no weights|was interrupted"):
            iw.digest(folder)


def go_on(folder: Path) -> iw.Plan:
    """The same call once more, in this process."""
    of = model()
    made = plan(of)
    iw.write_weights(of, made, folder, progress=False, **OPTIONS)
    return made


def hold(folder: Path, moments: list[int]) -> None:
    """Kill a child at each of some moments, and hold what is left, and what it becomes, against a run of one piece."""
    assert run_children(folder, *moments) == [-signal.SIGKILL if each != NEVER else 0 for each in moments]
    whole = contents(folder / "whole")
    assert sorted(whole) == [*(f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)), INDEX]
    for moment in moments:
        if moment != NEVER:
            assert_not_presented_as_whole(folder / str(moment), whole)
            go_on(folder / str(moment))
        assert contents(folder / str(moment)) == whole, moment


def test_a_run_that_was_killed_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    hold(tmp_path, [NEVER, 3, 19, 41])


@pytest.mark.long
def test_whatever_the_moment(tmp_path: Path) -> None:
    hold(tmp_path, list(range(1, EVENTS + 1)))


@pytest.mark.long
def test_twenty_kills_at_random_times_of_one_run(tmp_path: Path) -> None:
    target = tmp_path / "killed"
    script = (
        "import sys, time, torch, initwise as iw\n"
        "from initwise.writing.files import _pipe\n"
        "from tests.writing.files.killed import OPTIONS, model, plan\n"
        "torch.set_num_threads(1)\n"
        "taken = _pipe._write_all\n"
        "def slowly(sink, data):\n"
        "    for start in range(0, len(data), 4096):\n"
        "        time.sleep(0.05)\n"
        "        taken(sink, data[start : start + 4096])\n"
        "_pipe._write_all = slowly\n"
        "of = model()\n"
        "made = plan(of)\n"
        "print('ready', flush=True)\n"
        "iw.write_weights(of, made, sys.argv[1], progress=False, **OPTIONS)\n"
    )
    chance = random.Random(7)
    for _ in range(20):
        child = subprocess.Popen([sys.executable, "-c", script, str(target)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0, 1.5))
        child.kill()
        child.communicate()
        if (target / INDEX).exists():
            shutil.rmtree(target)  # it was done before; the next one begins anew
    go_on(target)
    go_on(tmp_path / "whole")
    assert contents(target) == contents(tmp_path / "whole")
