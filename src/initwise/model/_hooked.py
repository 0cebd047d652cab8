"""Weights that a forward pre-hook computes: the older `weight_norm` and `spectral_norm`, and pruning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from initwise.model._normalized import singular_vectors, split_norm
from initwise.model._parametrized import Solution, Source, Start, Way, checked_pairs


@dataclass(frozen=True, eq=False)
class WeightNormHook(Source):
    """`torch.nn.utils.weight_norm`, the older one: a forward pre-hook over `weight_g` and `weight_v`."""

    module: nn.Module
    attribute: str
    hook: WeightNorm

    @property
    def originals(self) -> Mapping[str, Tensor]:
        """Magnitude and direction."""
        return {name: getattr(self.module, name) for name in (f"{self.attribute}_g", f"{self.attribute}_v")}

    @property
    def way(self) -> Way:
        """Magnitude and direction, or the direction alone where only the magnitude is frozen."""
        g, v = self.originals.values()
        if g.requires_grad == v.requires_grad:
            return Way(True, "written through weight norm")
        if v.requires_grad:
            return Way(False, "the frozen magnitude stays, and the law is the direction's")
        return Way(
            False, "", f"its {self.attribute}_v is frozen and its {self.attribute}_g is not; freeze both or none"
        )

    def computed(self) -> Tensor:
        """Compute the weight as the hook does."""
        weight: Tensor = self.hook.compute_weight(self.module)
        return weight

    def solve(self, values: Tensor, start: Start, seed: int) -> Solution:
        """Return the norm as magnitude and the values as direction."""
        if not self.way.inverse:
            return Solution(checked_pairs({f"{self.attribute}_v": self.largest}, [values]))
        pairs = checked_pairs(self.originals, split_norm(values, self.hook.dim, start))
        (_, magnitude), (_, direction) = pairs
        return Solution(pairs, effective=torch._weight_norm(direction, magnitude, self.hook.dim))


@dataclass(frozen=True, eq=False)
class SpectralNormHook(Source):
    """`torch.nn.utils.spectral_norm`, the older one: a forward pre-hook over `weight_orig`, `weight_u`, `weight_v`."""

    module: nn.Module
    attribute: str
    hook: SpectralNorm

    @property
    def originals(self) -> Mapping[str, Tensor]:
        """The weight before the division."""
        return {f"{self.attribute}_orig": getattr(self.module, f"{self.attribute}_orig")}

    @property
    def way(self) -> Way:
        """Into the original."""
        return Way(False, "spectral norm divides it by its largest singular value: the law is the original's")

    def computed(self) -> Tensor:
        """Compute the weight without a step of the power method."""
        return self.hook.compute_weight(self.module, do_power_iteration=False)

    def solve(self, values: Tensor, start: Start, seed: int) -> Solution:
        """Return the values with their singular vectors."""
        pairs = checked_pairs(self.originals, [values])
        u, v = singular_vectors(self.hook.reshape_weight_to_matrix(pairs[0][1]), start)
        return Solution(pairs, ((self.module, f"{self.attribute}_u", u), (self.module, f"{self.attribute}_v", v)))


@dataclass(frozen=True, eq=False)
class Pruned(Source):
    """`torch.nn.utils.prune`: a forward pre-hook that multiplies `weight_orig` by `weight_mask`."""

    module: nn.Module
    attribute: str
    hook: BasePruningMethod

    @property
    def originals(self) -> Mapping[str, Tensor]:
        """The weight before the mask."""
        return {f"{self.attribute}_orig": getattr(self.module, f"{self.attribute}_orig")}

    @property
    def way(self) -> Way:
        """Into the original."""
        return Way(False, "the pruning mask stays on top of it")

    def computed(self) -> Tensor:
        """Compute the weight with its mask."""
        masked: Tensor = self.hook.apply_mask(self.module)
        return masked

    def solve(self, values: Tensor, start: Start, seed: int) -> Solution:
        """Return the values."""
        return Solution(checked_pairs(self.originals, [values]))
