"""Write the stream's raw words to standard output, without end, for batteries of randomness tests.

    python words_to_stdout.py one            the words of one stream
    python words_to_stdout.py interleaved    word i of each of 4096 streams, then word i + 1

The 4096 streams are those of 64 consecutive seeds times 64 names that differ in one number.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from initwise.random import words

BLOCK = 2**22  # words of one stream at a time
SEEDS, NAMES, DEPTH = 64, 64, 4096  # streams, and how many words of each at a time


def one(seed: int) -> Iterator[NDArray[np.uint32]]:
    start = 0
    while True:
        yield words(seed, "layers.0.weight", start, start + BLOCK)
        start += BLOCK


def interleaved(seed: int) -> Iterator[NDArray[np.uint32]]:
    streams = [(seed + i, f"layers.{j}.weight") for i in range(SEEDS) for j in range(NAMES)]
    block, start = np.empty((DEPTH, len(streams)), np.uint32), 0
    while True:
        for column, (number, name) in enumerate(streams):
            block[:, column] = words(number, name, start, start + DEPTH)
        yield block
        start += DEPTH


if __name__ == "__main__":
    mode, seed = {"one": one, "interleaved": interleaved}[sys.argv[1]], int(sys.argv[2]) if len(sys.argv) > 2 else 0
    try:
        for block in mode(seed):
            sys.stdout.buffer.write(block.astype("<u4").data)
    except BrokenPipeError:
        sys.stderr.close()
