"""What `iw.Monitor` costs over a run at its default schedule: `make bench-monitor`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from benchmarks.machine import machine
from benchmarks.measuring.models import classified, gpt2, images, next_word, words
from benchmarks.monitoring.cost import STEPS, Case, Cost, cost
from initwise.monitoring import Logarithmic

RESULTS = Path(__file__).with_name("RESULTS.md")
AT_MOST = 0.05
ROUNDS = 7


def resnet18() -> nn.Module:
    """11.7 M parameters, batch norms."""
    from torchvision.models import resnet18 as build

    model: nn.Module = build(weights=None)
    return model


CASES = (
    Case("GPT-2 124M (transformers)", "2x128", gpt2, words(2, 128), next_word),
    Case("ResNet-18 (torchvision)", "16x3x224x224", resnet18, images(16), classified),
)
HEAD = """# What a monitor costs

Written by `make bench-monitor`. A training step (forward, backward, AdamW) without a monitor and one that it looks at,
in one process, in turns, on one thread: of several, each waits for the last at every small operation, and on a machine
that others use that would be what is measured. Medians of {rounds} runs, seconds on the clock. The share of training
time is that of a run of {steps:,} steps at the default schedule, which looks at {looked} of them, from those medians
and from what the monitor takes on any other step (*idle*); it should be at most {most:.0%}. *rows*: layers and
activations that were looked at. Longer runs cost less: of 100,000 steps {long} are looked at.
"""


def lines(rounds: int) -> Iterator[str]:
    """The page, line by line, as the measurements come in."""
    looked, long = (sum(map(Logarithmic(), range(steps))) for steps in (STEPS, 100_000))
    yield from HEAD.format(rounds=rounds, steps=STEPS, looked=looked, long=long, most=AT_MOST).splitlines()
    yield ""
    yield machine()
    yield ""
    yield "| model | inputs | rows | plain step | looked at | ratio | idle | share of training time |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|"
    for case in CASES:
        yield line(cost(case, rounds))
    yield ""
    yield f"Load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores at the end."


def line(found: Cost) -> str:
    """One row of the table."""
    share = f"**{found.over():.1%}**" + ("" if found.over() <= AT_MOST else " (above)")
    times = (
        f"{found.plain:.2f} s | {found.sampled:.2f} s | {found.sampled / found.plain:.2f} | {found.idle * 1e6:.0f} us"
    )
    return f"| {found.case.name} | {found.case.inputs} | {found.rows} | {times} | {share} |"


def main() -> None:
    """All models and the file; with other rounds than usual no file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.monitoring", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    page = []
    for each in lines(options.rounds):
        print(each, flush=True)
        page.append(each)
    if options.rounds == ROUNDS:
        RESULTS.write_text("\n".join(page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
