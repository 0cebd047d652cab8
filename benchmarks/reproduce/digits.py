"""scikit-learn's digits: 1,797 pictures of 8 x 8 pixels, in ten classes, shipped with the library."""

from __future__ import annotations

import importlib
from functools import cache

import torch
from torch import Tensor


@cache
def digits() -> tuple[Tensor, Tensor]:
    """Return the pictures as vectors of 64 pixels in [0, 1], and their classes; all of them, to train on."""
    found = importlib.import_module("sklearn.datasets").load_digits()
    return torch.from_numpy(found.data).float() / 16, torch.from_numpy(found.target).long()


@cache
def standardized() -> tuple[Tensor, Tensor]:
    """The same with mean 0 and variance 1 over all pictures and pixels together."""
    x, y = digits()
    return (x - x.mean()) / x.std(), y


def batches(count: int, size: int, seed: int) -> Tensor:
    """Return the indices of `count` batches, drawn with replacement: (count, size)."""
    return torch.randint(len(digits()[0]), (count, size), generator=torch.Generator().manual_seed(seed))
