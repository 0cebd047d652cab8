"""Termination as an exception, so that a command that is stopped still removes its unfinished files."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

TERMINATED = 143
"""The exit code after SIGTERM: 128 + 15, as shells report it."""


class Terminated(BaseException):
    """The process was asked to stop (SIGTERM or SIGHUP). Like KeyboardInterrupt, it is no `Exception`."""


class Stopped(BaseException):
    """Ctrl-C or SIGTERM in the midst of work that can be gone on with; the message says how."""

    def __init__(self, message: str, *, terminated: bool) -> None:
        super().__init__(message)
        self.terminated = terminated


@contextmanager
def terminable() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into `Terminated` inside the block, where this is possible (the main thread)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP.
    before = {number: signal.signal(number, _raise) for name in names if (number := getattr(signal, name, None))}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(_number: int, _frame: FrameType | None) -> None:
    raise Terminated
