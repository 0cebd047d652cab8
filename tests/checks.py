"""The checks of drawn values against a law: sharp enough to reject every mutant in tests/mutants.py."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from initwise.initializers import Law

LARGEST_Z = 5.0
SMALLEST_P = 1e-6


def problems(values: Tensor, law: Law) -> list[str]:
    """Return what in the values contradicts the law: one sentence each, none if they may well have it."""
    found = [broken for invariant in law.invariants if (broken := invariant.check(values))]
    halves = torch.view_as_real(values).flatten() if values.is_complex() else values.flatten()
    if law.iid:
        found += _independent(halves.double().numpy(), law.half() if values.is_complex() else law, values.dtype)
    return found


def _independent(x: np.ndarray, law: Law, dtype: torch.dtype) -> Iterator[str]:
    centred = (x - law.mean) / law.std
    z_mean = centred.mean() * math.sqrt(len(x))
    assert law.fourth is not None
    spread = math.sqrt(law.fourth / law.std**4 - 1)
    z_variance = ((centred**2).mean() - 1) / spread * math.sqrt(len(x))
    if abs(z_mean) > LARGEST_Z:
        yield f"the mean is off: z = {z_mean:.1f}"
    if abs(z_variance) > LARGEST_Z:
        yield f"the variance is off: z = {z_variance:.1f}"
    if x.min() < law.support[0] or x.max() > law.support[1]:
        yield f"values from {x.min()} to {x.max()} leave the support {law.support}"
    yield from _dependent(centred)
    if torch.finfo(dtype).eps < 1e-6:  # coarser numbers are no continuous law
        assert law.cdf is not None
        p = stats.kstest(x, law.cdf).pvalue
        if p < SMALLEST_P:
            yield f"the distribution is off: Kolmogorov-Smirnov p = {p:.1e}"


def _dependent(centred: np.ndarray) -> Iterator[str]:
    for lag in (1, 2, 64, 256, len(centred) // 2):
        products = centred[lag:] * centred[:-lag]
        z = products.mean() * math.sqrt(len(products))
        if abs(z) > LARGEST_Z:
            yield f"values {lag} apart are correlated: z = {z:.1f}"


def haar_problems(matrices: Tensor) -> list[str]:
    """Return what in many square matrices (count, n, n) contradicts the Haar law: E tr Q = 0 and E |tr Q|^2 = 1.

    Diaconis and Shahshahani, On the eigenvalues of random matrices, 1994.
    """
    traces = matrices.diagonal(dim1=1, dim2=2).sum(1)
    root = math.sqrt(len(traces))
    z_mean = float(traces.mean().abs()) * root
    squares = traces.abs().square()
    z_square = (float(squares.mean()) - 1) * root / max(float(squares.std()), 1e-3)
    found = [f"the mean trace is off: z = {z_mean:.1f}"] if z_mean > LARGEST_Z else []
    return found + ([f"the mean squared trace is off: z = {z_square:.1f}"] if abs(z_square) > LARGEST_Z else [])
