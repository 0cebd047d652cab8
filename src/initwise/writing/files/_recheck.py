"""What is in files, held against the plan at few places of each tensor: cheap, and no proof of the rest."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import torch
from torch import Tensor

from initwise.writing.files._entries import Entry
from initwise.writing.files._runs import run_of
from initwise.writing.files._split import PartFile

STRETCH = 1024  # elements


class Rechecked(NamedTuple):
    """How many elements were read and were as planned, and a sentence for each tensor of which some were not."""

    elements: int
    problems: list[str]


def recheck(part: PartFile, path: Path) -> Rechecked:
    """Read three stretches of each tensor in a file, at its begin, within and at its end, and draw them once more.

    Where they lie is taken from the file's own header. Laws that are drawn at once are left out: a stretch of them
    costs as much as all of it.
    """
    count, found = 0, []
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        told = json.loads(file.read(size))
        for entry in part.entries:
            offset = 8 + size + told[entry.name]["data_offsets"][0]
            for start, length in _stretches(entry):
                there, planned = _read(file, offset, entry, start, length), run_of(entry, start, length)
                if not torch.equal(there, planned):
                    other = start + int((there != planned).nonzero()[0]) // entry.dtype.itemsize
                    found.append(
                        f"{path}: {entry.name!r} does not hold what the plan asks for at element {other:,} of "
                        f"{math.prod(entry.shape):,}; the file was damaged: delete it, and run this again"
                    )
                    break
                count += length
    return Rechecked(count, found)


def _stretches(entry: Entry) -> Iterator[tuple[int, int]]:
    """Yield first elements and lengths of what is compared, which do not overlap."""
    if entry.row is not None and not entry.by_elements:
        return
    numel = math.prod(entry.shape)
    if numel <= 3 * STRETCH:
        if numel:
            yield 0, numel
        return
    within = STRETCH + len(entry.name) * 2_654_435_761 % (numel - 3 * STRETCH + 1)  # not at a round number
    yield from ((start, STRETCH) for start in (0, within, numel - STRETCH))


def _read(file: BinaryIO, offset: int, entry: Entry, start: int, length: int) -> Tensor:
    file.seek(offset + start * entry.dtype.itemsize)
    return torch.frombuffer(bytearray(file.read(length * entry.dtype.itemsize)), dtype=torch.uint8)
