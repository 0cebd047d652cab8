"""Small fills in few launches, in Triton's interpreter: `python tests/random/batches.py` prints what differs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import torch

os.environ["TRITON_INTERPRET"] = "1"

from initwise.random import Batch, Draw, NormalDraw, TruncatedNormalDraw, UniformDraw, _triton, fill, key

_triton._TILES = 128  # the interpreter is slow by the program, not by the element

CASES: tuple[tuple[torch.dtype, Draw, tuple[int, ...]], ...] = (
    (torch.float32, NormalDraw(0.0, 1.0), (30, 77)),
    (torch.float32, NormalDraw(0.5, 2.0), (9,)),
    (torch.bfloat16, NormalDraw(0.5, 2.0), (31, 77)),
    (torch.float16, NormalDraw(0.0, 1.0), (32, 77)),
    (torch.float64, UniformDraw(0.0, 1.0), (5, 5)),
    (torch.float32, UniformDraw(-1.0, 1.0), (3, 4, 5)),
    (torch.float32, TruncatedNormalDraw(0.0, 0.02, -2.0, 2.0), (130, 130)),  # of three programs
)


def main() -> None:
    """Fill the same tensors one by one and in a batch, whose launches are counted."""
    launches: list[int] = []
    fill_runs = _triton.fill_runs

    def counted(runs: Sequence[Any]) -> None:
        launches.append(len(runs))
        fill_runs(runs)

    _triton.fill_runs = counted
    batched = [torch.full(shape, 9.0, dtype=dtype) for dtype, _, shape in CASES]
    expected = [torch.full(shape, 8.0, dtype=dtype) for dtype, _, shape in CASES]
    with Batch("cpu") as batch:
        for number, (tensor, other, (_, draw, _)) in enumerate(zip(batched, expected, CASES, strict=True)):
            batch(tensor, draw, key(7, f"w{number}"), start=11 * number)
            fill(other, draw, key(7, f"w{number}"), start=11 * number)
        batch(torch.empty(4, 4).t(), CASES[0][1], key(7, "turned"))  # no run of the stream: at once
        waited = all(bool((tensor == 9).all()) for tensor in batched)
    wrong = [number for number, pair in enumerate(zip(batched, expected, strict=True)) if not torch.equal(*pair)]
    sys.stdout.write(f"waited {waited}; wrong {wrong}; fills at a time {launches}\n")


if __name__ == "__main__":
    main()
