"""Fills on a GPU, where there is one: against torch, and against the time that writing the memory alone takes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from benchmarks.fills import CASES
from benchmarks.measure import Row, medians
from initwise import init

SIZE = 256 * 2**20


def rows() -> Iterator[Row]:
    """One row a law, nothing without a GPU."""
    if not torch.cuda.is_available():
        return
    tensor = torch.zeros(SIZE, device="cuda")
    for what, function, _, _ in CASES:
        seconds = medians(
            {
                "torch": partial(getattr(torch.nn.init, function), tensor),
                "initwise": partial(getattr(init, function), tensor),
                "fill": partial(tensor.fill_, 0.5),
            },
            rounds=20,
        )
        share = seconds["fill"] / seconds["initwise"]
        yield Row(f"{what}, float32, 256 Mi elements, GPU", seconds, note=f"{share:.0%} of the memory bandwidth")
