"""What stands in a folder already, what goes wrong there, and that nothing is presented as whole that is not."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

import initwise as iw
from initwise.errors import DigestError, WriteError
from initwise.writing.files import Written, _pipe, _runs
from initwise.writing.files._folder import STATE
from tests.writing.files.streamed import INDEX

PARTS = [f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)]


def write(folder: Path, *, seed: int = 1, most: Any = "40KB", width: int = 64, **options: Any) -> Written:
    """Write a model of three files."""
    return iw.write_weights(*planned(seed, width), folder, max_shard_size=most, **options)


@cache
def planned(seed: int, width: int) -> tuple[nn.Module, iw.Plan]:
    """A model on meta, which nothing changes, and its plan."""
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(width, 64), nn.BatchNorm1d(64), nn.Linear(64, 256), nn.Linear(256, 32))
    return model, iw.plan(model, "kaiming", seed=seed)


def contents(folder: Path) -> dict[str, bytes]:
    """All files in a folder, hidden ones included."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A folder of weights that is whole."""
    write(tmp_path / "whole")
    return tmp_path / "whole"


@pytest.fixture
def partial(whole: Path, tmp_path: Path) -> Path:
    """A folder of which the first file is there, as an interrupted run leaves it."""
    folder = tmp_path / "partial"
    with pytest.raises(WriteError), limited(70_000):
        write(folder)
    assert sorted(contents(folder)) == [STATE, PARTS[0]]
    assert (folder / PARTS[0]).read_bytes() == (whole / PARTS[0]).read_bytes()
    return folder


@contextmanager
def limited(total: int) -> Iterator[None]:
    """Let so many bytes be written into weights; then the disk is full."""
    left = total
    write_all = _pipe._write_all

    def write(sink: Any, data: memoryview) -> None:
        nonlocal left
        write_all(sink, data[:left])
        left -= len(data)
        if left < 0:
            left = 0
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_pipe, "_write_all", write)
        yield


def test_the_same_call_again_writes_nothing(whole: Path) -> None:
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in whole.iterdir()}
    again = write(whole)
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in whole.iterdir()} == before
    size = sum(path.stat().st_size for path in before)
    assert again == Written(whole, (*PARTS, INDEX), size, kept=3, rechecked=again.rechecked)


def test_three_stretches_of_each_tensor_are_read_back(whole: Path) -> None:
    vectors = 64 + 4 * 64 + 1 + 256 + 32
    assert write(whole).rechecked == vectors + 3 * 1024 + 3 * 1024 + 3 * 1024


def test_an_interrupted_run_goes_on_behind_the_last_whole_file(whole: Path, partial: Path) -> None:
    assert write(partial).kept == 1
    assert contents(partial) == contents(whole)


def test_what_is_damaged_gets_no_index_and_stays_unfinished(partial: Path) -> None:
    data = bytearray((partial / PARTS[0]).read_bytes())
    data[-1] ^= 1
    (partial / PARTS[0]).write_bytes(data)
    with pytest.raises(WriteError, match=rf"{PARTS[0]}: '2\.weight' does not hold what the plan asks for at element"):
        write(partial)
    assert sorted(contents(partial)) == [STATE, *PARTS]


def test_half_files_of_whatever_run_are_removed(whole: Path, partial: Path) -> None:
    for name in (".model.safetensors.tmp", ".model-00007-of-00009.safetensors.tmp", f".{STATE}.tmp"):
        (partial / name).write_text("half")
    write(partial)
    assert contents(partial) == contents(whole)


def test_a_full_disk_is_one_error_and_nothing_half_written_stays(tmp_path: Path) -> None:
    said = (
        r"/new: writing failed: No space left on device; 1 of 3 files are whole and stay; mend it, and run this again"
    )
    with pytest.raises(WriteError, match=said), limited(70_000):
        write(tmp_path / "new")
    assert sorted(contents(tmp_path / "new")) == [STATE, PARTS[0]]
    assert "Run the same command again to go on" in (tmp_path / "new" / STATE).read_text()


def test_a_file_that_the_system_cuts_off_is_one_error(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(WriteError, match=r"writing failed: File too large; 0 of 3 files are whole"):
            write(tmp_path / "new")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(contents(tmp_path / "new")) == [STATE]
    assert write(tmp_path / "new").kept == 0


def test_a_disk_that_is_too_small_is_told_before_a_byte_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**5))
    with pytest.raises(WriteError, match=r"0\.1 MB are to be written, and 0\.1 MB are free on that disk; free space"):
        write(tmp_path / "new")
    assert contents(tmp_path / "new") == {}


def test_a_folder_where_nothing_can_be_written_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, _: bytes) -> int:  # root may write anywhere
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(WriteError, match=r"/new: writing failed: Permission denied; 0 of 3 files are whole and stay"):
        write(tmp_path / "new")
    assert contents(tmp_path / "new") == {}


def test_a_path_that_is_a_file_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(WriteError, match=r"/file: File exists; give the path of a folder"):
        write(tmp_path / "file")


def test_two_writers_do_not_meet(partial: Path) -> None:
    handle = os.open(partial, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        before = contents(partial)
        with pytest.raises(WriteError, match=r"another process is writing here; wait for it, or choose another folder"):
            write(partial)
        assert contents(partial) == before
    finally:
        os.close(handle)
    write(partial)


def _cut(folder: Path) -> None:
    os.truncate(folder / PARTS[1], 19_000)


def _lengthen(folder: Path) -> None:
    with (folder / PARTS[1]).open("ab") as file:
        file.write(b"\0")


def _turn_a_byte(folder: Path, place: int = -1) -> None:
    data = bytearray((folder / PARTS[1]).read_bytes())
    data[place] ^= 1
    (folder / PARTS[1]).write_bytes(data)


def _exchange(folder: Path) -> None:
    shutil.copy(folder / PARTS[0], folder / PARTS[1])


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_cut, rf"{PARTS[1]} was cut off: it has 19,000 bytes of [0-9,]+; delete it, and run this again"),
        (_lengthen, rf"{PARTS[1]} is too long: it has [0-9,]+ bytes of [0-9,]+; delete it, and run this again"),
        (_turn_a_byte, rf"{PARTS[1]}: '2.bias' does not hold what the plan asks for at element 255 of 256; the"),
        (lambda folder: _turn_a_byte(folder, 20), rf"{PARTS[1]} holds other weights \(not written by initwise, or"),
        (_exchange, rf"{PARTS[1]} holds other weights \(plan [0-9a-f]{{12}}, seed 1\) than these; choose another"),
        (lambda folder: (folder / PARTS[1]).write_bytes(b""), rf"{PARTS[1]} was cut off: it has 0 bytes of"),
        (lambda folder: (folder / PARTS[1]).unlink(), rf"names files that are not there: {PARTS[1]}; delete the index"),
        (lambda folder: (folder / INDEX).write_text("{}"), rf"{INDEX} is the index of other weights"),
        (lambda folder: (folder / "adapter.safetensors").touch(), r"holds other weights: adapter\.safetensors; choose"),
        (lambda folder: (folder / "pytorch_model.bin").touch(), r"holds other weights: pytorch_model\.bin"),
        (
            lambda folder: (folder / "model.safetensors").touch(),
            r"another model, plan or max_shard_size: model\.s",
        ),
        (lambda folder: (folder / STATE).write_text("half"), rf"{STATE} cannot be read \(Expecting value"),
    ],
)
def test_harm_that_was_done_to_a_folder_is_named_and_nothing_is_overwritten(
    whole: Path, harm: Callable[[Path], Any], message: str
) -> None:
    harm(whole)
    before = contents(whole)
    with pytest.raises(WriteError, match=message):
        write(whole)
    assert contents(whole) == before


def test_a_file_that_was_deleted_as_told_is_written_again(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "other")
    for name in (PARTS[1], INDEX):
        (tmp_path / "other" / name).unlink()
    assert write(tmp_path / "other").kept == 2
    assert contents(tmp_path / "other") == contents(whole)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 2}, r"holds other weights \(plan [0-9a-f]{12}, seed 1\) than these"),
        ({"most": "1MB"}, r"holds weights of another model, plan or max_shard_size: model-00001-of-00003\.safetensors"),
        ({"width": 32}, r"holds other weights|of another model"),
        ({"resume": False}, r"holds weights already \(model-00001-.*\), and resume is False; choose"),
    ],
)
def test_weights_of_another_run_are_not_overwritten(whole: Path, options: dict[str, Any], message: str) -> None:
    before = contents(whole)
    with pytest.raises(WriteError, match=message):
        write(whole, **options)
    assert contents(whole) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"seed": 2},
            r"beginning of another run: plan_digest is \w+ there and \w+ here; seed is 1 there and 2 here",
        ),
        ({"most": "1MB"}, r"the beginning of another run: max_shard_size is 40000 there and 1000000 here; choose"),
        ({"resume": False}, r"holds weights already \(model-00001-of-00003\.safetensors\), and resume is False"),
    ],
)
def test_the_beginning_of_another_run_is_not_gone_on_with(partial: Path, options: dict[str, Any], message: str) -> None:
    before = contents(partial)
    with pytest.raises(WriteError, match=message):
        write(partial, **options)
    assert contents(partial) == before


def test_nobody_takes_the_beginning_for_the_whole(partial: Path) -> None:
    with pytest.raises(DigestError, match=r"weights are being written here, or that was interrupted"):
        iw.digest(partial)
    (partial / STATE).unlink()
    shutil.copy(partial.parent / "whole" / INDEX, partial / INDEX)
    with pytest.raises(DigestError, match=rf"names {PARTS[1]}, and there is no such file"):
        iw.digest(partial)


def test_an_interrupt_leaves_what_is_whole_and_no_half_file(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = _runs._draw

    def interrupted(entry: Any, where: Any) -> None:
        if entry.name == "3.weight":
            raise KeyboardInterrupt
        draw(entry, where)

    monkeypatch.setattr(_runs, "_draw", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "new")
    monkeypatch.undo()
    assert set(contents(tmp_path / "new")) <= {STATE, *PARTS[:2]}
    write(tmp_path / "new")
    assert contents(tmp_path / "new") == contents(whole)


def test_other_files_stay_and_so_does_a_configuration(tmp_path: Path) -> None:
    for name in ("config.json", "notes.txt", ".hidden.tmp"):
        (tmp_path / name).write_text("mine")
    write(tmp_path)
    write(tmp_path)
    assert {name: data for name, data in contents(tmp_path).items() if data == b"mine"}.keys() == {
        "config.json",
        "notes.txt",
        ".hidden.tmp",
    }


def test_files_say_what_they_hold(whole: Path) -> None:
    told = json.loads((whole / INDEX).read_text())["metadata"]
    assert (told["seed"], told["stream_version"], told["recipe"]) == ("1", "1", "kaiming")
    assert (told["total_parameters"], told["total_size"]) == (29_152, 4 * (29_152 + 128) + 8)
    header = (whole / PARTS[1]).read_bytes()
    size = int.from_bytes(header[:8], "little")
    assert (8 + size) % 8 == 0
    of_file = json.loads(header[8 : 8 + size])["__metadata__"]
    assert of_file["plan_digest"] == told["plan_digest"]
    assert of_file["format"] == "pt"
