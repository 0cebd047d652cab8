"""One measurement in a process of its own, so that its memory and its processor time are its own."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

import initwise as iw
from benchmarks.streaming.models import llama
from initwise.writing import write_draw
from initwise.writing.files._entries import find_contents
from initwise.writing.files._sharded import write_parts_to
from initwise.writing.files._split import split

BUFFER = 2**30  # bytes of the one buffer that the bare fill fills again and again
BLOCK = 2**23  # bytes of a plain write


@dataclass(frozen=True)
class Cost:
    """What some bytes cost: seconds by the clock, seconds of all cores (user and system), memory at its highest.

    `process` are the seconds of all cores for all of the process, which has to import, construct and plan.
    """

    nbytes: int
    wall: float
    cpu: float
    peak: int
    process: float = 0.0

    @property
    def rate(self) -> float:
        """Bytes a second."""
        return self.nbytes / self.wall

    @property
    def cpu_rate(self) -> float:
        """Bytes a second of processor time, which a crowded machine distorts less."""
        return self.nbytes / self.cpu


def apart(work: str, *words: object) -> Cost:
    """Measure in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.streaming.measured", work, *map(str, words)]
    before = _children()
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return Cost(**json.loads(printed.splitlines()[-1]) | {"process": _children() - before})


def _children() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def nowhere(name: str, layers: str) -> Cost:
    """Stream a model of some layers into nothing."""
    model, plan = _planned(name, int(layers))
    parts = split(find_contents(model, plan), 5 * 10**9, {})
    _warm()
    return _cost(sum(part.nbytes for part in parts), lambda: write_parts_to(parts, None))


def bare(nbytes: str) -> Cost:
    """Fill one buffer until so many bytes are drawn, with the law that the model's matrices have."""
    left = int(nbytes)
    buffer = torch.zeros(BUFFER // 2, dtype=torch.bfloat16)
    draw = iw.plan(nn.Linear(4, 4, bias=False), iw.rule("*", iw.Normal(std=0.02)))["weight"].parts[0].draw
    if draw is None:
        raise TypeError("a normal law is drawn element by element")
    _warm()

    def fills() -> None:
        for start in range(0, left // 2, buffer.numel()):
            here = buffer[: left // 2 - start]
            write_draw(here, draw, seed=0, name="weight", start=start, strides=(1,))

    return _cost(left, fills)


def to_disk(name: str, folder: str, layout: str) -> Cost:
    """Stream a model to the disk, until it is on it."""
    model, plan = _planned(name, None)
    _warm()
    size = sum(each.numel() * each.itemsize for each in model.parameters())
    with tempfile.TemporaryDirectory(dir=folder) as place:
        return _cost(size, lambda: iw.write_weights(model, plan, place, layout=layout))  # type: ignore[arg-type]


def plain_write(nbytes: str, folder: str) -> Cost:
    """Write as many bytes that are known, as dd does, until they are on the disk."""
    block = os.urandom(BLOCK)

    def writes(file: int) -> None:
        left = int(nbytes)
        while left:
            left -= os.write(file, block[:left])
        os.fsync(file)

    with tempfile.TemporaryDirectory(dir=folder) as place:
        file = os.open(Path(place) / "plain", os.O_CREAT | os.O_WRONLY)
        try:
            return _cost(int(nbytes), lambda: writes(file))
        finally:
            os.close(file)


def _planned(name: str, layers: int | None) -> tuple[nn.Module, iw.Plan]:
    model = llama(name, layers)
    return model, iw.plan(model, "llama", seed=0)


def _warm() -> None:
    """Compile what is compiled once."""
    iw.initialize(nn.Linear(8, 8).bfloat16(), "kaiming", seed=0)


def _cost(nbytes: int, work: Callable[[], object]) -> Cost:
    began, spent = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - began, time.process_time() - spent
    return Cost(nbytes, wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


WORKS: dict[str, Callable[..., Cost]] = {
    "nowhere": nowhere,
    "bare": bare,
    "to_disk": to_disk,
    "plain_write": plain_write,
}


if __name__ == "__main__":
    print(json.dumps(asdict(WORKS[sys.argv[1]](*sys.argv[2:]))))
