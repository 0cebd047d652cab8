"""Every backend gives the golden bits; without Numba everything works."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from initwise.random import _native, _normal, _numba, _reference, _threads, key
from initwise.random._cpu import fill_array
from initwise.random._layout import layout

from . import golden

GOLDEN = str(Path(golden.__file__))


def run(arguments: list[str], **environment: str) -> str:
    """The output of a new Python, which has to succeed."""
    result = subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.parametrize("case", golden.CASES, ids=lambda case: case.name)
def test_this_backend_gives_the_golden_bits(case: golden.Case) -> None:
    assert golden.sha256(case) == case.sha256


def test_numpy_gives_the_golden_bits_where_numba_is_switched_off() -> None:
    output = run([GOLDEN], INITWISE_NUMBA="0")
    assert "wrong: []; numba no" in output


def test_numpy_gives_the_golden_bits_where_numba_is_missing(tmp_path: Path) -> None:
    blocked = f"import sys, runpy; sys.modules['numba'] = None; runpy.run_path({GOLDEN!r}, run_name='__main__')"
    assert "wrong: []" in run(["-c", blocked], XDG_CACHE_HOME=str(tmp_path))
    assert not list(tmp_path.rglob("*.o"))


def test_triton_gives_the_golden_bits() -> None:
    if importlib.util.find_spec("triton") is None:
        pytest.skip("triton is not installed (it comes with CUDA builds of torch)")
    assert "wrong: []" in run([GOLDEN, "triton"])


def test_small_fills_of_a_gpu_wait_and_give_the_same_bits_in_one_go() -> None:
    if importlib.util.find_spec("triton") is None:
        pytest.skip("triton is not installed (it comes with CUDA builds of torch)")
    assert "waited True; wrong []; fills at a time [7]" in run([str(Path(GOLDEN).with_name("batches.py"))])


def test_numba_is_used_here() -> None:
    if importlib.util.find_spec("numba") is None or os.environ.get("INITWISE_NUMBA") == "0":
        pytest.skip("numba is not installed, or switched off")
    assert _numba.kernel(None) is not None


def test_words_of_any_layout_equal_the_reference() -> None:
    stream = key(0, "w")
    for shape, strides, start, steps in (
        ((1000,), (1,), 77, (1,)), ((30, 40), (1, 30), 2**33, (40, 1)), ((9, 8, 7), (7, 63, 1), 5, (1, 9, 100)),
        ((5, 6), (6, 1), 3, (0, 2)),
    ):  # fmt: skip
        place = layout(shape, strides, start, steps)
        fast, slow = np.zeros(place.extent, np.uint32), np.zeros(place.extent, np.uint32)
        fill_array(fast, place, None, stream)
        _reference.fill_array(slow, place, None, stream)
        assert (fast == slow).all()


def test_a_damaged_file_of_native_code_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "kernels" / "kernel.o"
    _native._write(path, b"code")
    assert _native._read(path) == b"code"
    path.write_bytes(path.read_bytes()[:-1])
    assert _native._read(path) is None
    assert _native._read(tmp_path / "absent") is None
    assert [file.name for file in path.parent.iterdir()] == ["kernel.o"]


def test_a_folder_that_cannot_be_written_to_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    _native._write(tmp_path / "file" / "kernel.o", b"code")
    assert (tmp_path / "file").read_text() == ""


def test_a_file_of_native_code_that_cannot_be_put_in_place_leaves_none(tmp_path: Path) -> None:
    (tmp_path / "kernel.o" / "in the way").mkdir(parents=True)
    _native._write(tmp_path / "kernel.o", b"code")
    assert [file.name for file in tmp_path.iterdir()] == ["kernel.o"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_forked_while_another_thread_compiles_can_compile() -> None:
    code = (
        "import os, signal, threading, time\n"
        "from initwise.random import _numba\n"
        "begun, forking = threading.Event(), threading.Event()\n"
        "def load(kind, storage):\n"
        "    if not begun.is_set():\n"
        "        begun.set(); forking.wait(); time.sleep(0.1)\n"
        "_numba._loaded = load\n"
        "os.register_at_fork(before=forking.set)\n"
        "thread = threading.Thread(target=_numba.kernel, args=(None,)); thread.start(); begun.wait()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    signal.alarm(5); _numba.kernel(None); os._exit(0)\n"
        "thread.join(); _numba.kernel(None)\n"
        "print('ended with', os.waitpid(child, 0)[1])\n"
    )
    assert run(["-W", "ignore", "-c", code]) == "ended with 0\n"


def test_an_interrupt_stops_the_helpers_after_the_range_they_are_at() -> None:
    caller, interrupted, done = threading.current_thread(), threading.Event(), []

    def work(begin: int, end: int) -> None:
        if threading.current_thread() is caller:
            interrupted.set()
            raise KeyboardInterrupt("now")
        interrupted.wait()
        time.sleep(0.001)
        done.append(begin)

    with pytest.raises(KeyboardInterrupt, match="now"):
        _threads.in_parallel(work, 2000 * _threads.MOST, 3)
    assert len(done) < 1000


def test_every_range_is_worked_on_once() -> None:
    ranges: list[tuple[int, int]] = []
    _threads.in_parallel(lambda begin, end: ranges.append((begin, end)), 100 * _threads.MOST + 5, 3)
    ends = [i * _threads.MOST for i in range(101)]
    assert sorted(ranges) == list(zip(ends, [*ends[1:], 100 * _threads.MOST + 5], strict=True))


@pytest.mark.long
def test_processes_that_compile_at_once_agree(tmp_path: Path) -> None:
    if importlib.util.find_spec("numba") is None:
        pytest.skip("numba is not installed")
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    both = [subprocess.Popen([sys.executable, GOLDEN], env=environment) for _ in range(2)]
    assert [process.wait(timeout=600) for process in both] == [0, 0]
    assert {path.suffix for path in (tmp_path / "initwise" / "kernels").iterdir()} == {".o"}
    assert "numba no" in run([GOLDEN], XDG_CACHE_HOME=str(tmp_path))


@pytest.mark.long
def test_triton_compiles_for_a_gpu_without_fusing_anything_by_itself() -> None:
    if importlib.util.find_spec("triton") is None:
        pytest.skip("triton is not installed (it comes with CUDA builds of torch)")
    code = (
        "import triton\n"
        "from triton.backends.compiler import GPUTarget\n"
        "from triton.compiler import ASTSource\n"
        "from initwise.random import _triton\n"
        "constants = {'KIND': 1, 'STORAGE': 0, 'TILES': 16}\n"
        "signature = {'memory': '*fp32', 'parameters': '*i64'} | dict.fromkeys(constants, 'constexpr')\n"
        "source = ASTSource(_triton.fill_tiles, signature, constants)\n"
        "options = {'enable_fp_fusion': False, 'num_warps': 4}\n"
        "print(triton.compile(source, target=GPUTarget('cuda', 90, 32), options=options).asm['ptx'])\n"
        "signature = {'jobs': '*i64', 'programs': '*i64'} | dict.fromkeys(constants, 'constexpr')\n"
        "for constants['STORAGE'] in range(4):\n"
        "    source = ASTSource(_triton.fill_jobs, signature, dict(constants))\n"
        "    triton.compile(source, target=GPUTarget('cuda', 90, 32), options=options)\n"
    )
    assembly = run(["-c", code], TRITON_INTERPRET="0")
    values = 8  # of a thread
    assert assembly.count("fma.rn.f32") == 28 * values
    assert assembly.count("mul.rn.f32") == values
    assert ".ftz" not in assembly


def test_a_numba_that_fails_to_compile_leaves_numpy_and_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(kind: str, storage: str) -> int:
        raise ValueError("an unknown Numba")

    monkeypatch.setattr(_native, "load", fail)
    monkeypatch.delenv("INITWISE_NUMBA", raising=False)
    with pytest.warns(UserWarning, match=r"did not compile the normal kernel .* an unknown Numba\); NumPy computes"):
        assert _numba._loaded.__wrapped__("normal", "float32") is None


def test_the_documented_coefficients_are_the_ones_in_use() -> None:
    page = (Path(__file__).parents[2] / "docs" / "stream.md").read_text("utf-8")
    rows = [
        [cell.strip() for cell in line.split("|")[1:]] for line in page.splitlines() if re.match(r"\|.* -?0x1\.", line)
    ]
    for column, coefficients in enumerate((_normal.LOG, _normal.CENTRAL, _normal.TAIL)):
        assert tuple(float.fromhex(row[column]) for row in rows if row[column]) == coefficients
