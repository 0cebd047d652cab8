"""The two norms that PyTorch puts over weights, backwards: magnitude and direction, and singular vectors."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name for it
from torch import Tensor

from initwise.errors import ArgumentError
from initwise.model._parametrized import Start

_ITERATIONS = 100  # of the power method, at most
_SETTLED = 1e-6  # relative change of the largest singular value at which it stops


def split_norm(values: Tensor, dim: int, start: Start) -> tuple[Tensor, Tensor]:
    """Return g and v with g v / |v| = values, |v| over all axes but `dim` (-1: over all); g may be zero, v never.

    Salimans, Kingma 2016 (arXiv:1602.07868). Where the values are zero any direction does, and one is drawn.
    """
    wide = values.float() if values.dtype in {torch.float16, torch.bfloat16} else values
    magnitude = torch.norm_except_dim(wide, 2, dim)
    zero = magnitude == 0
    if bool(zero.any()):
        drawn = start(values.numel()).reshape(values.shape).to(values)
        values = torch.where(zero, drawn, values)
    return magnitude.to(values.dtype), values


def singular_vectors(matrix: Tensor, start: Start) -> tuple[Tensor, Tensor]:
    """Return the first left and right singular vectors of (rows, columns), by the power method from a drawn vector.

    Raises:
        ArgumentError: the matrix is zero, and spectral norm would divide by zero.
    """
    v = F.normalize(start(matrix.shape[1]).to(matrix), dim=0)
    u, sigma = v, 0.0
    for _ in range(_ITERATIONS):
        u = F.normalize(matrix @ v, dim=0)
        image = matrix.mH @ u
        before, sigma = sigma, float(torch.linalg.vector_norm(image))
        v = F.normalize(image, dim=0)
        if abs(sigma - before) <= _SETTLED * sigma:
            break
    if not sigma > 0:
        raise ArgumentError("spectral norm divides by the largest singular value, which is zero; draw other values")
    return u, v
