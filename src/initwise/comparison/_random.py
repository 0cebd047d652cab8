"""Random states of a cell: seeded by purpose, so that strategies share them, and put back afterwards."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

import numpy as np
import torch


def derived(seed: int, purpose: str, step: int = 0) -> int:
    """Return a seed of 32 bits for one purpose at one step; unrelated ones for other seeds, purposes and steps."""
    digest = blake2b(f"{seed}/{purpose}/{step}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big")


def reseed(seed: int, purpose: str, step: int = 0) -> None:
    """Seed Python, NumPy and torch (every device) for one purpose at one step.

    Done at every step, so that what a strategy draws or does not draw shifts nothing for the steps after it.
    """
    value = derived(seed, purpose, step)
    random.seed(value)
    np.random.seed(value)  # noqa: NPY002 - datasets of users draw from the global state
    torch.manual_seed(value)


@contextmanager
def random_states_kept() -> Iterator[None]:
    """Put the random states of Python, NumPy and torch (every device) back when the block ends."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    cuda = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=cuda):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
