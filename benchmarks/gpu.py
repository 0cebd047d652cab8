"""Fills on a GPU, where there is one: against torch, and against the time that writing the memory alone takes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from benchmarks.fills import CASES
from benchmarks.measure import Row, medians
from initwise import init
from initwise.random import Batch, NormalDraw, fill, key

SIZE = 256 * 2**20
MANY, SMALL = 2000, 4096  # tensors, and elements of each: norms, biases, adapters


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
    del tensor
    yield _many()


def _many() -> Row:
    tensors = [torch.zeros(SMALL, device="cuda") for _ in range(MANY)]
    draw, keys = NormalDraw(0.0, 0.02), [key(0, str(number)) for number in range(MANY)]

    def one_by_one() -> None:
        for each in tensors:
            torch.nn.init.normal_(each, std=0.02)

    def batched() -> None:
        with Batch() as batch:
            for each, stream in zip(tensors, keys, strict=True):
                batch(each, draw, stream)

    def launched() -> None:
        for each, stream in zip(tensors, keys, strict=True):
            fill(each, draw, stream)

    found = medians({"torch": one_by_one, "initwise": batched, "one by one": launched}, rounds=20)
    note = f"{found['one by one'] / found['initwise']:.1f} times as fast as a launch for each"
    return Row(f"normal_, {MANY} tensors of {SMALL} elements, float32, GPU", found, note=note)
