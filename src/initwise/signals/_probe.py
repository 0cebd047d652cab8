"""`Probe`: what one real forward and backward pass of a model showed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Probe:
    """One measured pass.

    Attributes:
        gradients: the gradient of each parameter at the first step, by canonical name; None where none arrived.
    """

    gradients: Mapping[str, Tensor | None] = field(repr=False)
