"""The two norms that PyTorch puts over weights, backwards: magnitude and direction, and singular vectors."""

from __future__ import annotations

import torch
from torch import Tensor

from initwise.errors import ArgumentError
from initwise.model._parametrized import Start

_SPENT = 1e-4
_STEPS = 64  # of Lanczos: enough for six digits of a random matrix's largest singular value


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
    """Return the first left and right singular vectors of (rows, columns), from a drawn vector.

    Rayleigh-Ritz on the Krylov space of W^H W (Lanczos with full reorthogonalization; Golub, Van Loan, Matrix
    computations, 10.1): the power method is slow where the largest singular values lie close, as in random matrices.

    Raises:
        ArgumentError: the matrix is zero, and spectral norm would divide by zero.
    """
    wide = matrix.float() if matrix.dtype in {torch.float16, torch.bfloat16} else matrix
    columns = wide.shape[1]
    vector = start(columns).to(wide)
    basis = wide.new_zeros(columns, 0)
    for _ in range(min(_STEPS, columns)):
        whole = torch.linalg.vector_norm(vector)
        for _ in range(2):  # twice is enough (Parlett)
            vector = vector - basis @ (basis.mH @ vector)
        length = torch.linalg.vector_norm(vector)
        if not float(length) > _SPENT * float(whole):  # the space holds all that the matrix does to the start
            break
        basis = torch.cat([basis, (vector / length).unsqueeze(1)], dim=1)
        vector = wide.mH @ (wide @ basis[:, -1])
    left, values, right = torch.linalg.svd(wide @ basis, full_matrices=False)
    if not float(values[0]) > 0:
        raise ArgumentError("spectral norm divides by the largest singular value, which is zero; draw other values")
    return left[:, 0].to(matrix.dtype), (basis @ right[0].conj()).to(matrix.dtype)
