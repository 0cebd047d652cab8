"""The effective rank of an output: over how many directions its samples spread."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_ROWS = 128  # samples and places that are looked at
_UNITS = 1024


def gram(values: Tensor, axis: int) -> Tensor | None:
    """Return the smaller Gram matrix of samples (and places) x units; None for an output without units."""
    if values.dim() < 2:
        return None
    matrix = _thinned(values, axis % values.dim())
    small = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    return small @ small.T


def effective_rank(matrix: Tensor) -> float | None:
    """Return exp(entropy of the squared singular values), from a Gram matrix; None where all of it is zero."""
    if not bool(torch.isfinite(matrix).all()) or not bool(matrix.count_nonzero()):
        return None
    squares = torch.linalg.eigvalsh(matrix / matrix.diagonal().sum()).clamp(min=0)
    shares = squares / squares.sum()
    return math.exp(float(torch.special.entr(shares).sum()))


def _thinned(values: Tensor, axis: int) -> Tensor:
    """Return samples and places x units, evenly spaced ones of each."""
    steps = [1] * values.dim()
    steps[axis] = -(-values.shape[axis] // _UNITS)
    others = [each for each in range(values.dim()) if each != axis]
    kept = {each: values.shape[each] for each in others}
    while math.prod(kept.values()) > _ROWS:
        longest = max(others, key=lambda each: (kept[each], each))
        steps[longest] += 1
        kept[longest] = -(-values.shape[longest] // steps[longest])
    part = values[tuple(slice(None, None, step) for step in steps)]
    return part.movedim(axis, -1).reshape(-1, part.shape[axis])
