"""Singular values of a linear map that is known by its products only, by block Lanczos steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK = 4  # vectors at a time: as many equal singular values can be told apart
STEPS = 12
SMALL = 64  # of maps with a side up to this, all singular values are computed
_LOST = 1e-5  # what is left of a vector that lies in the span of others, by its length
_ROUNDING = 1e-6  # of the largest singular value: products are in single precision
Product = Callable[[Tensor], Tensor]  # (n,) -> (m,)


@dataclass(frozen=True)
class Spectrum:
    """Singular values with their weights, which sum to one, in descending order."""

    values: Tensor
    weights: Tensor
    exact: bool
    products: int

    def quantile(self, share: float) -> float:
        """Return the value that a share of all singular values does not exceed."""
        upwards = self.weights.flip(0).cumsum(0)
        place = int((upwards < share - 1e-9).sum())
        return float(self.values.flip(0)[min(place, len(self.values) - 1)])

    @property
    def mean_square(self) -> float:
        """The mean of the squared singular values."""
        return float((self.weights * self.values**2).sum())


def spectrum(forward: Product, backward: Product, inputs: int, outputs: int, *, seed: int = 0) -> Spectrum:
    """Return the singular values of a map from `inputs` to `outputs` elements.

    The space that products with random vectors span holds the largest singular values; how much of the random vectors
    lies along each direction estimates how many singular values are like it.

    Args:
        forward: v -> J v.
        backward: u -> J^T u.
        inputs, outputs: how many elements v and u have.
        seed: of the random vectors.
    """
    if inputs > outputs:
        forward, backward, inputs, outputs = backward, forward, outputs, inputs
    if inputs <= SMALL:
        columns = torch.stack([forward(each) for each in torch.eye(inputs, dtype=torch.float64)])
        values = torch.linalg.svdvals(columns)
        return Spectrum(values, torch.full_like(values, 1 / inputs), exact=True, products=inputs)
    return _sampled(forward, backward, inputs, seed)


def _sampled(forward: Product, backward: Product, size: int, seed: int) -> Spectrum:
    generator = torch.Generator(device="cpu").manual_seed(seed)
    start = torch.randn(BLOCK, size, generator=generator, dtype=torch.float64, device="cpu")
    basis = _orthonormal(start, None)
    block, images, products = basis, torch.empty(0, dtype=torch.float64), 0
    for step in range(STEPS):
        made = torch.stack([forward(each) for each in block])
        images = torch.cat([images, made]) if step else made
        products += len(block)
        if step == STEPS - 1:
            break
        again = torch.stack([backward(each) for each in made])
        products += len(made)
        block = _orthonormal(again, basis)
        if not len(block):
            break
        basis = torch.cat([basis, block])
    vectors, values, _ = torch.linalg.svd(images, full_matrices=False)
    values = torch.where(values > _ROUNDING * values.max(), values, torch.zeros_like(values))
    weights = vectors[:BLOCK].square().sum(0) / BLOCK
    return Spectrum(values, weights, exact=False, products=products)


def _orthonormal(vectors: Tensor, basis: Tensor | None) -> Tensor:
    """Return orthonormal vectors that span what `vectors` add to the span of `basis`."""
    kept: list[Tensor] = []
    for vector in vectors:
        rest, length = vector, float(vector.norm())
        for _ in range(2):  # once more, for what rounding left
            if basis is not None:
                rest = rest - (basis @ rest) @ basis
            for each in kept:
                rest = rest - (each @ rest) * each
        if float(rest.norm()) > _LOST * length:
            kept.append(rest / rest.norm())
    return torch.stack(kept) if kept else vectors[:0]
