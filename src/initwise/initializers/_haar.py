"""Haar distributed matrices from the stream: reflections of fresh normal columns, multiplied up by LAPACK."""

from __future__ import annotations

import torch
from torch import Tensor

from initwise.initializers._stream import Stream

_SMALL = 2**15  # elements


def haar(rows: int, columns: int, stream: Stream, label: str, dtype: torch.dtype) -> Tensor:
    """Return a (rows, columns) matrix with orthonormal columns, rows >= columns, uniform over all such matrices.

    The j-th Householder vector is made, as LAPACK's geqrf does it, of the normal values below and on the diagonal of
    column j; column j of the product is multiplied by minus the sign (complex: the phase) of the diagonal value.
    No column is reduced by those before it, which is what makes this cheaper than a QR decomposition: the values that
    it would read are independent of the reflections before them, and so already have the law of the reduced ones.
    """
    x = stream.normal((rows, columns), label, dtype=dtype)
    diagonal = x.diagonal()
    below = _below_diagonal(x)
    reflectors, scale = _larfg(diagonal, below)
    product = torch.linalg.householder_product(reflectors, scale)
    signed: Tensor = product * -_phase(diagonal)
    return signed


def _below_diagonal(x: Tensor) -> Tensor:
    if x.numel() > _SMALL:
        return torch.tril(x, -1)
    # torch.tril starts its threads even for a small matrix, and waits for them much longer than the work takes.
    rows, columns = (torch.arange(size, device="cpu") for size in x.shape)
    return torch.where(rows[:, None] > columns, x, 0)


def _larfg(alpha: Tensor, below: Tensor) -> tuple[Tensor, Tensor]:
    """Return reflectors v (below the diagonal) and scales tau, as LAPACK's larfg makes them for every column."""
    # Several times faster than vector_norm over the first axis; normal values are far from overflow.
    norm = (below.abs() if below.is_complex() else below).square().sum(0).sqrt()
    beta = -_phase(torch.real(alpha)) * torch.hypot(alpha.abs(), norm)
    # A column with nothing below a real diagonal needs no reflection: larfg returns tau = 0, the identity.
    idle = (norm == 0) & (torch.imag(alpha) == 0 if alpha.is_complex() else True)
    return below / torch.where(idle, 1, alpha - beta), torch.where(idle, 0, (beta - alpha) / beta)


def _phase(x: Tensor) -> Tensor:
    """Return x / |x|, with 1 at zero."""
    return torch.where(x == 0, 1, torch.sgn(x))
