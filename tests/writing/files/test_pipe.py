"""Memory that is filled again is not written before it was taken, order is kept, and errors of threads are told."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch

from initwise.writing.files._pipe import Pipe


class Slow(io.BytesIO):
    """Takes three bytes at a time, when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may = threading.Event()

    def write(self, data: Any, /) -> int:
        self.may.wait(10)
        return super().write(data[:3])


def test_bytes_arrive_in_order_though_memory_is_used_again() -> None:
    sink, wanted = Slow(), b"head"
    with Pipe(8) as pipe:
        pipe.write(sink, b"head")
        threading.Timer(0.2, sink.may.set).start()  # the first three buffers are full by then
        for value in range(20):
            memory = pipe.memory()
            memory.fill_(value)
            pipe.write(sink, memory[: 1 + value % 8])
            wanted += bytes([value]) * (1 + value % 8)
    assert sink.getvalue() == wanted


def test_no_more_memory_is_taken_than_three_buffers() -> None:
    with Pipe(8) as pipe:
        assert len({pipe.memory().data_ptr() for _ in range(9)}) == 3


class Full(io.BytesIO):
    """A disk without space."""

    def write(self, _: Any, /) -> int:
        raise OSError(28, "No space left on device")


def run(work: Callable[[Pipe], Any]) -> list[str]:
    """Do some work that fails with a pipe, and return what was done when it failed."""
    told: list[str] = []
    with Pipe(8) as pipe:
        pipe.on_failure(lambda: told.append(f"given up with {_threads()} threads"))
        try:
            work(pipe)
        finally:
            RUNS.append(told)
    return told


RUNS: list[list[str]] = []
GIVEN_UP = ["given up with 0 threads"]


def _threads() -> int:
    return sum(each.name.startswith(("initwise-write", "initwise-sync")) for each in threading.enumerate())


def test_an_error_of_the_writing_thread_is_raised_and_nothing_is_ended() -> None:
    ended: list[str] = []

    def work(pipe: Pipe) -> None:
        pipe.write(Full(), torch.ones(8, dtype=torch.uint8))
        pipe.end(lambda: ended.append("whole"))
        for _ in range(9):
            pipe.write(io.BytesIO(), pipe.memory())

    with pytest.raises(OSError, match="No space left"):
        run(work)
    assert (ended, RUNS[-1]) == ([], GIVEN_UP)


def test_an_error_of_the_last_write_is_raised_too() -> None:
    with pytest.raises(OSError, match="No space left"):
        run(lambda pipe: pipe.write(Full(), b"1"))
    assert RUNS[-1] == GIVEN_UP


def test_an_error_at_the_end_of_a_file_is_raised() -> None:
    def fails() -> None:
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output error"):
        run(lambda pipe: pipe.end(fails))
    assert RUNS[-1] == GIVEN_UP


def test_an_interrupt_of_who_fills_waits_for_the_threads_and_gives_up() -> None:
    def work(pipe: Pipe) -> None:
        pipe.write(io.BytesIO(), b"12345678")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(work)
    assert RUNS[-1] == GIVEN_UP


def test_a_file_ends_when_all_of_it_is_written_and_not_before() -> None:
    sink, seen = Slow(), []
    with Pipe(8) as pipe:
        for _ in range(2):
            pipe.write(sink, b"12345678")
        pipe.end(lambda: seen.append(sink.getvalue()))
        sink.may.set()
        pipe.write(sink, b"more")
    assert seen[0][:16] == b"12345678" * 2
    assert sink.getvalue() == b"12345678" * 2 + b"more"
