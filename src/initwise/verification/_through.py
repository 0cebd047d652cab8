"""Weights that were written through a parametrization hold their law up to the rounding of its arithmetic."""

from __future__ import annotations

import torch
from torch import Tensor

from initwise.initializers import Equal, Law, Pattern
from initwise.writing import tolerance


def settled(values: Tensor, law: Law) -> Tensor:
    """Return the values, those within rounding of where the law fixes them or bounds them moved there.

    Whatever is farther off stays as it is, for the checks to find.
    """
    allowed = tolerance(values.dtype) * float(values.abs().max())
    for invariant in law.invariants:
        if isinstance(invariant, Equal):
            values = _moved(values, torch.full_like(values, invariant.value), allowed)
        elif isinstance(invariant, Pattern):
            values = _moved(values, values.round(), allowed)
    if values.is_complex():
        return torch.view_as_complex(_bounded(torch.view_as_real(values), law, allowed))
    return _bounded(values, law, allowed)


def _bounded(values: Tensor, law: Law, allowed: float) -> Tensor:
    info = torch.finfo(values.dtype)
    low, high = max(law.support[0], info.min), min(law.support[1], info.max)
    return _moved(values, values.clamp(low, high), allowed)


def _moved(values: Tensor, near: Tensor, allowed: float) -> Tensor:
    return torch.where((values - near).abs() <= allowed, near, values)
