"""A square orthogonal matrix: Stewart's form against torch's QR of a full Gaussian matrix."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from benchmarks.measure import Row, medians
from initwise import init


def rows(size: int = 2048) -> Iterator[Row]:
    """One row."""
    tensor = torch.zeros(size, size)
    contestants = {"torch": partial(torch.nn.init.orthogonal_, tensor), "initwise": partial(init.orthogonal_, tensor)}
    yield Row(f"orthogonal {size} x {size}", medians(contestants), 1.5)
