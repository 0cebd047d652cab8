"""A lock for the journal file that the system releases when its holder dies, and that mends a line cut by its death."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any


class DeathProofLock:
    """An exclusive lock beside a journal file, in the form that Optuna's journal backend takes.

    Optuna's own locks are files that stay when a process is killed, until a grace period of 30 seconds is over. This
    one is `flock`, which ends with the process. Whoever gets it also cuts off a last line without its end, which a
    process left that was killed while it wrote: what follows would not be readable.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: IO[Any] | None = None

    def acquire(self) -> bool:
        """Wait for the lock."""
        import fcntl

        handle = open(f"{self._path}.lock", "ab")  # noqa: SIM115, PTH123 - closed by `release`
        fcntl.flock(handle, fcntl.LOCK_EX)
        self._handle = handle
        mend(self._path)
        return True

    def release(self) -> None:
        """Give the lock back."""
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.close()


def mend(path: Path) -> None:
    """Cut off what follows the last end of a line."""
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        if not size:
            return
        file.seek(size - 1)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
