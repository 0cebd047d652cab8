"""Processes that write weights and are killed at chosen moments; run by the tests, not imported by them.

    python -m tests.writing.files.killed FOLDER MOMENT...

For each moment a child process writes into FOLDER/MOMENT, and kills itself (SIGKILL) when it has come to its
MOMENT-th event: half of a write, before or after a flush to the disk, before or after a file gets its name. Prints the
children's exit codes as JSON. FOLDER/whole is written without a child.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

import initwise as iw
from initwise.writing.files import _disk, _pipe

OPTIONS: Any = {"max_shard_size": "40KB"}


def model() -> nn.Module:
    """Three files: a law that is drawn at once, a tensor larger than a file, and buffers, on meta."""
    with torch.device("meta"):
        return nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.Linear(64, 256), nn.Linear(256, 32))


def plan(of: nn.Module) -> iw.Plan:
    """One plan for all."""
    return iw.plan(of, ["kaiming", iw.rule("0.weight", iw.Sparse(sparsity=0.5))], seed=11)


class Moments:
    """Counts events, and kills the process at one of them."""

    def __init__(self, last: int) -> None:
        self.last, self.count = last, 0

    def come(self) -> bool:
        """Count an event; True if it is the last one."""
        self.count += 1
        return self.count == self.last

    def around(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Make two events of a call: before and after it."""

        def call(*arguments: Any) -> Any:
            self.die_if(self.come())
            result = work(*arguments)
            self.die_if(self.come())
            return result

        return call

    def writing(self, sink: Any, data: memoryview) -> None:
        """Write, or half of it and no more."""
        last = self.come()
        while data:
            data = data[sink.write(data[: len(data) // 2] if last else data) :]
            self.die_if(last)

    def die_if(self, last: bool) -> None:
        """End at once, as `kill -9` and a power cut do."""
        if last:
            os.kill(os.getpid(), signal.SIGKILL)


def write(folder: Path, moments: Moments) -> None:
    """Write into a folder, with events counted."""
    whole: Any = _pipe
    whole._write_all = moments.writing
    disk: Any = _disk
    disk.flush = moments.around(disk.flush)
    path: Any = Path
    path.replace = moments.around(Path.replace)
    of = model()
    iw.write_weights(of, plan(of), folder, progress=False, **OPTIONS)


def main() -> None:
    """Fork a child for each moment, so that what takes seconds (imports, compiled kernels) is done once."""
    torch.set_num_threads(1)  # others would not be there in a child
    folder = Path(sys.argv[1])
    of = model()
    iw.write_weights(of, plan(of), folder / "whole", progress=False, **OPTIONS)
    reached = []
    for moment in map(int, sys.argv[2:]):
        child = os.fork()
        if not child:
            code = 1
            try:
                moments = Moments(moment)
                write(folder / str(moment), moments)
                sys.stderr.write(f"{moments.count} events")
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        reached.append(os.waitstatus_to_exitcode(status))
    sys.stdout.write(json.dumps(reached))


if __name__ == "__main__":
    main()
