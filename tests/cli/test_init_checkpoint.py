"""`initwise init --layout dcp`: a distributed checkpoint, by one process and by those of torchrun."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

if not dist.is_available():
    pytest.skip("this build of torch has no torch.distributed", allow_module_level=True)

from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

import initwise as iw
from initwise.cli._target import find_model
from tests.cli.conftest import Run
from tests.cli.test_init_folder import left

pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed is disabled")  # said by `load` of one process
NET = ("init", "net.py:Net", "--recipe", "classic", "--seed", "7", "--layout", "dcp")
ABOUT = {".metadata", "initwise.json"}


def assert_holds_the_model(folder: Path) -> None:
    """Hold a checkpoint against the model with the plan that the command makes."""
    dcp_to_torch_save(folder, folder / "state.pt")
    found: dict[str, Any] = torch.load(folder / "state.pt")
    model = find_model("net.py:Net").build()
    iw.apply(model, iw.plan(model, "classic", seed=7))
    want = model.state_dict()
    assert set(found) == set(want)
    assert all(torch.equal(found[name], want[name]) for name in want)


def test_a_checkpoint_holds_the_weights_and_the_command_says_so(run: Run, folder: Path) -> None:
    outcome = run(*NET, "--out", "new", "--plan-out", "plan.json")
    assert outcome.code == 0, outcome
    assert left(folder / "new") == {"__0_0.distcp", *ABOUT}
    size = sum((folder / "new" / name).stat().st_size for name in ("__0_0.distcp", ".metadata"))
    assert outcome.out.endswith(
        "\n\n5 parameters drawn.\n"
        f"Wrote new: 2 files ({size:,} bytes), a checkpoint of torch.distributed.checkpoint, drawn by one process; the"
        " plan's digest and seed are in its initwise.json.\n"
        "Wrote plan.json.\n"
    )
    assert_holds_the_model(folder / "new")


def test_machines_are_told_the_layout(run: Run) -> None:
    told = json.loads(run(*NET, "--out", "new", "--max-shard-size", "300B", "--format", "json").out)
    assert (told["layout"], told["weights"]) == ("dcp", "new")
    assert len(told["files"]) > 2


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("w.safetensors", "--layout dcp: its files go into a folder, and --out w.safetensors is the name of a file"),
        ("net.py", "--layout dcp: its files go into a folder, and --out net.py is the name of a file; give a folder's"),
        (".", "write_weights: 1 problem\n  - . holds weights already (model.safetensors); choose another folder, or"),
    ],
)
def test_what_is_no_place_for_a_checkpoint_is_told(run: Run, folder: Path, out: str, said: str) -> None:
    if out == ".":
        (folder / "model.safetensors").touch()
    before = left(folder)
    outcome = run(*NET, "--out", out)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert left(folder) == before


def test_processes_of_torchrun_do_not_all_write_the_same_safetensors(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("WORLD_SIZE", "4")
    before = left(folder)
    for out in ("w.safetensors", "new/"):
        outcome = run(*NET[:-2], "--out", out)
        assert outcome.code == 2
        assert "torchrun started 4 processes, and one writes safetensors: start it without torchrun, or" in outcome.err
    assert left(folder) == before


@pytest.mark.long
def test_processes_of_torchrun_write_it_together_and_one_speaks(folder: Path) -> None:
    started = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "3"]
    command = [*started, "-m", "initwise", *NET, "--out", "new"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Wrote new: ") == 1
    assert "a checkpoint of torch.distributed.checkpoint, drawn by 3 processes at once; the plan's" in done.stdout
    assert left(folder / "new") == {f"__{rank}_0.distcp" for rank in range(3)} | ABOUT
    assert_holds_the_model(folder / "new")
    again = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert again.returncode != 0
    assert "new holds a checkpoint already; choose another folder, or delete these files" in again.stderr
