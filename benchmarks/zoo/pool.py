"""Several workers in processes of their own: one that hangs or dies costs its model, not the run."""

from __future__ import annotations

import json
import os
import queue
import select
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.zoo.entries import Entry

PATIENCE = 120.0  # seconds for one model
RENEWED = 150  # models that one process reads before another takes its place, so that no memory piles up
ROOT = Path(__file__).parents[2]


def results(entries: Sequence[Entry], *, jobs: int = 2, patience: float = PATIENCE) -> Iterator[dict[str, Any]]:
    """Yield the result of each entry as it comes in."""
    waiting: queue.SimpleQueue[Entry] = queue.SimpleQueue()
    for entry in entries:
        waiting.put(entry)
    done: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    for _ in range(jobs):
        threading.Thread(target=_work, args=(waiting, done, patience), daemon=True).start()
    for _ in entries:
        yield done.get()


def _work(waiting: queue.SimpleQueue[Entry], done: queue.SimpleQueue[dict[str, Any]], patience: float) -> None:
    worker = _Worker()
    while True:
        try:
            entry = waiting.get_nowait()
        except queue.Empty:
            worker.stop()
            return
        if worker.answered >= RENEWED:
            worker.stop()
            worker = _Worker()
        answer = worker.ask(entry, patience)
        if isinstance(answer, str):
            done.put({"library": entry.library, "name": entry.name, "cause": answer})
            worker.stop()
            worker = _Worker()
        else:
            done.put(answer)


class _Worker:
    """One process, and the pipes to it."""

    def __init__(self) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.zoo.worker"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.answered = 0

    def ask(self, entry: Entry, patience: float) -> dict[str, Any] | str:
        """Return the result, or in words why there is none."""
        assert self.process.stdin is not None  # noqa: S101 - both are pipes, see above
        assert self.process.stdout is not None  # noqa: S101
        try:
            self.process.stdin.write(f"{entry}\n")
            self.process.stdin.flush()
        except OSError:
            return "crash: the process died"
        ready, _, _ = select.select([self.process.stdout], [], [], patience)
        if not ready:
            return f"crash: took more than {patience:g} seconds"
        line = self.process.stdout.readline()
        if not line:
            return "crash: the process died"
        self.answered += 1
        return dict(json.loads(line))

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()
