"""Histograms of weights, in bins for which their law tells the expected share."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from initwise.initializers import Law
from initwise.model import Parameter
from initwise.pages._content import Bins
from initwise.planning import Plan, Row

COUNT = 24
REACH = 4.0  # standard deviations that are shown of a law without bounds
MOST = 1 << 18  # values of one weight; of larger ones every k-th


def bins_of(plan: Plan, parameters: Mapping[str, Parameter]) -> dict[str, Bins]:
    """Return a histogram of each parameter that has values or a distribution to show."""
    found = {}
    for row in plan:
        made = _bins(row, parameters[row.name])
        if made is not None:
            found[row.name] = made
    return found


def _bins(row: Row, parameter: Parameter) -> Bins | None:
    values = _values(parameter)
    law = None if row.kept or row.dtype.is_complex else row.law
    low, high = _range(law, values)
    if not low < high:
        return None
    edges = np.linspace(low, high, COUNT + 1)
    expected: tuple[float, ...] = ()
    if law is not None and law.cdf is not None and law.std > 0:
        at = np.asarray(law.cdf(edges), dtype=np.float64)
        shares = np.diff(at)
        shares[0] += at[0]
        shares[-1] += 1 - at[-1]
        expected = tuple(round(float(share), 6) for share in shares)
    if values is None and not expected:
        return None
    return Bins(low, high, () if values is None else _counts(values, low, high), expected)


def _values(parameter: Parameter) -> Tensor | None:
    tensor = parameter.tensor.detach()
    if tensor.is_meta or tensor.numel() < 2 or not tensor.is_floating_point() or hasattr(tensor, "device_mesh"):
        return None
    flat = tensor.reshape(-1)[:: -(-tensor.numel() // MOST)].float().cpu()
    finite = flat[torch.isfinite(flat)]
    return finite if finite.numel() else None


def _range(law: Law | None, values: Tensor | None) -> tuple[float, float]:
    """Return what is shown: the law's bounds, or four standard deviations; and as far as the values reach."""
    lows, highs = [], []
    if law is not None and law.std > 0:
        low, high = law.support
        lows.append(low if math.isfinite(low) else law.mean - REACH * law.std)
        highs.append(high if math.isfinite(high) else law.mean + REACH * law.std)
    if values is not None:
        lows.append(float(values.min()))
        highs.append(float(values.max()))
    return (min(lows), max(highs)) if lows else (0.0, 0.0)


def _counts(values: Tensor, low: float, high: float) -> tuple[int, ...]:
    made = torch.histc(values.double(), COUNT, low, high)  # the width of the range may be beyond float32
    return tuple(int(count) for count in made.tolist())
