"""Digests of weights: one number for what a model or a file holds, whatever its order, ties, wrappers and shards."""

from initwise.digests._digest import combined, digest
from initwise.digests._files import FileSums, read_files
from initwise.digests._lanes import Lanes
from initwise.digests._model import parts_of
from initwise.digests._opened import Opened, open_files
from initwise.digests._sums import Part, summed, warm

__all__ = [
    "FileSums",
    "Lanes",
    "Opened",
    "Part",
    "combined",
    "digest",
    "open_files",
    "parts_of",
    "read_files",
    "summed",
    "warm",
]
