"""What the recipe `auto` would give each parameter: the law that a suggestion holds others against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from initwise.errors import InitwiseError
from initwise.model import Reading
from initwise.planning import Plan, Row, plan


def remembered(inputs: Any) -> Any:
    """Return inputs for a later reading of the model: of real numbers only the shape, of tokens and masks all."""
    return tree_map(lambda each: _remembered(each) if isinstance(each, Tensor) else each, inputs)


def _remembered(tensor: Tensor) -> Tensor:
    if tensor.is_floating_point() or tensor.is_complex():
        return torch.empty_like(tensor, device="meta")
    return tensor.detach().cpu().clone()  # where a model looks things up, they say where


def auto(reading: Reading, inputs: Any, seed: int) -> Plan | None:
    """Return the plan of `auto` for a model, from the inputs that it was called with; None where there is none."""
    for given in [inputs, None] if inputs is not None else [None]:
        try:
            return plan(reading.model, "auto", seed=seed, inputs=given, include_frozen=False)
        except InitwiseError:
            continue
    return None


def differing(usual: Plan, own: Plan | None, measured: Mapping[str, float]) -> dict[str, Row]:
    """Return the rows of `auto` whose law differs: from the plan's, or else from the measured rms, by a fifth."""
    found = {}
    for row in usual:
        if row.kept or row.law is None:
            continue
        wanted = _size(row)
        has = _size(own[row.name]) if own is not None and row.name in own else measured.get(row.name)
        if wanted is None or has is None:
            continue
        if abs(has - wanted) > 0.2 * max(has, wanted):
            found[row.name] = row
    return found


def _size(row: Row) -> float | None:
    """Return the root of E[w^2] of what was decided."""
    return None if row.law is None else (row.law.mean**2 + row.law.std**2) ** 0.5
