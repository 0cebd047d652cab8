"""E[g(z)] for z ~ N(0, 1), by Gauss-Legendre panels that are halved wherever the function is not smooth."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

_REACH = 14.0  # beyond it the density is below 1e-43
_PANELS = 56
_ORDER = 20
_TOLERANCE = 1e-14  # of the whole, for each panel that is left alone
_MOST_HALVINGS = 60


def normal_expectation(function: Callable[[Tensor], Tensor]) -> float:
    """Return E[function(z)] for z ~ N(0, 1), with an error below 1e-10 of it; kinks and jumps are closed in on.

    `function` takes and returns float64 tensors of one dimension.
    """
    edges = torch.linspace(-_REACH, _REACH, _PANELS + 1, dtype=torch.float64, device="cpu")
    low, high = edges[:-1], edges[1:]
    coarse = _panels(function, low, high)
    scale = float(coarse.abs().sum())
    total = 0.0
    for _ in range(_MOST_HALVINGS):
        middle = (low + high) / 2
        left, right = _panels(function, low, middle), _panels(function, middle, high)
        rough = (left + right - coarse).abs() > _TOLERANCE * max(scale, 1e-300)
        total += float((left + right)[~rough].sum())
        if not bool(rough.any()):
            return total
        low, high = torch.cat([low[rough], middle[rough]]), torch.cat([middle[rough], high[rough]])
        coarse = torch.cat([left[rough], right[rough]])
    return total + float(coarse.sum())


def _panels(function: Callable[[Tensor], Tensor], low: Tensor, high: Tensor) -> Tensor:
    """Return the integral of function * density over each panel."""
    nodes, weights = _rule()
    half = (high - low) / 2
    z = ((high + low) / 2)[:, None] + half[:, None] * nodes
    density = torch.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return (function(z.flatten()).reshape(z.shape) * density * weights).sum(1) * half


@lru_cache(maxsize=1)
def _rule() -> tuple[Tensor, Tensor]:
    nodes, weights = np.polynomial.legendre.leggauss(_ORDER)
    return torch.from_numpy(nodes), torch.from_numpy(weights)
