"""What streaming costs: `make bench-streaming`, or `python -m benchmarks.streaming`.

Every figure is from a process of its own. Wall times on a crowded machine say little; seconds of processor time, of all
cores together, say what the work is.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.machine import machine
from benchmarks.streaming.measured import Cost, apart
from benchmarks.streaming.models import llama

RESULTS = Path(__file__).with_name("RESULTS.md")
LARGE, REAL = "Llama-3.1-70B", "Llama-2-7B"
PATIENCE = 360.0  # seconds that the whole of the large model may take
ROUNDS, LAYERS = 3, 2
HEAD = f"""# What streaming costs

`iw.write_weights` draws a model on meta part by part. Beside it stands the same number of bytes by the bare fill: one
buffer of 1 GiB, filled again and again with the law of the model's matrices. {LARGE} goes nowhere (every byte is
drawn, handed to the thread that writes, and forgotten); {REAL} goes to the disk, until it is on it. CPU seconds are
those of all cores, the system's included; "process" counts imports, construction on meta and planning too. Peak
memory is that of the process, torch and transformers (about 0.5 GB) included."""
TABLE = """| what | bytes | wall, s | CPU, s | GB/s | GB a CPU second | process, CPU s | peak memory, GB |
|---|---:|---:|---:|---:|---:|---:|---:|"""


def lines(rounds: int, folder: Path) -> Iterator[str]:
    """The page, line by line."""
    yield from (HEAD, "", machine(), "", *TABLE.splitlines())
    yield from nowhere(rounds)
    yield from disk(folder)


def nowhere(rounds: int) -> Iterator[str]:
    """Some layers in turns with the bare fill, and the whole where it does not take too long."""
    streamed, filled = [], []
    for _ in range(rounds):
        streamed.append(apart("nowhere", LARGE, LAYERS))
        filled.append(apart("bare", streamed[-1].nbytes))
    yield row(f"{LARGE}, {LAYERS} of its layers, nowhere (median of {rounds})", middle(streamed))
    yield row(f"bare fill (median of {rounds})", middle(filled))
    whole = sum(each.numel() * each.itemsize for each in llama(LARGE).parameters())
    expected = whole / middle(streamed).rate
    if expected <= PATIENCE:
        yield row(f"{LARGE}, all of it, nowhere", apart("nowhere", LARGE, 80))
    wall = median(one.rate / other.rate for one, other in zip(streamed, filled, strict=True))
    cpu = median(one.cpu_rate / other.cpu_rate for one, other in zip(streamed, filled, strict=True))
    yield ""
    yield (
        f"Streaming is {wall:.2f} times as fast as the bare fill by the clock, {cpu:.2f} times by processor time "
        "(medians of pairs)."
    )
    if expected > PATIENCE:
        yield (
            f"All of it, {whole / 1e9:.1f} GB, would take {expected:.0f} s at this rate (extrapolated, not run: more "
            f"than {PATIENCE:.0f} s here)."
        )
    yield load()


def disk(folder: Path) -> Iterator[str]:
    """The real one, in both layouts, and as many bytes that are known."""
    size = sum(each.numel() * each.itemsize for each in llama(REAL).parameters())
    free = shutil.disk_usage(folder).free
    if free < 1.5 * size:
        yield f"\n{REAL} was not written: {size / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free."
        return
    yield from ("", *TABLE.splitlines())
    yield row(f"{REAL} to the disk, safetensors", apart("to_disk", REAL, folder, "safetensors"))
    yield row(f"{REAL} to the disk, dcp, one process", apart("to_disk", REAL, folder, "dcp"))
    yield row("plain write of as many bytes", apart("plain_write", size, folder))
    yield row("bare fill of as many bytes", apart("bare", size))
    yield ""
    yield load()


def row(what: str, cost: Cost) -> str:
    """A line of the table."""
    figures = (
        f"{cost.wall:.1f} | {cost.cpu:.1f} | {cost.rate / 1e9:.2f} | {cost.cpu_rate / 1e9:.2f} | {cost.process:.1f}"
    )
    return f"| {what} | {cost.nbytes:,} | {figures} | {cost.peak / 1e9:.2f} |"


def middle(costs: list[Cost]) -> Cost:
    """Medians of wall and processor time, and the highest memory."""
    wall, cpu = median(each.wall for each in costs), median(each.cpu for each in costs)
    process = median(each.process for each in costs)
    return Cost(costs[0].nbytes, wall, cpu, max(each.peak for each in costs), process)


def load() -> str:
    """How crowded the machine was."""
    return f"Load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores at the end of these lines."


def main() -> None:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streaming", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="on the disk to write to")
    parser.add_argument("--no-file", action="store_true", help="print only")
    options = parser.parse_args()
    page = []
    for each in lines(options.rounds, options.folder):
        print(each, flush=True)
        page.append(each)
    if not options.no_file:
        RESULTS.write_text("\n".join(page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
