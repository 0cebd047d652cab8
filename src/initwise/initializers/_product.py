"""`Product`: an element-wise draw times a number, or times one number for each index of an axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from initwise.random import Draw


@dataclass(frozen=True)
class Fill:
    """What to write for a constant: `value` everywhere, rounded once to the dtype."""

    value: float


@dataclass(frozen=True)
class Product:
    """What to write for a draw times factors: the draw, the product in the dtype of computation, rounded once.

    Args:
        draw: what is multiplied.
        factors: one number for all elements, or one for each index of `axis`.
        axis: the axis that the factors run along.
        step, size: stride and size of that axis in the whole parameter; 0 until `placed` says them.
        first: the index along the axis, in the whole parameter, that the first factor belongs to.
    """

    draw: Draw | Fill | Product
    factors: tuple[float, ...]
    axis: int = 0
    step: int = 0
    size: int = 0
    first: int = 0

    def placed(self, shape: Sequence[int], axis: int = 0, start: int = 0) -> Product:
        """Return the same for a part of a parameter of this shape that begins at `start` along `axis`."""
        inner = self.draw.placed(shape, axis, start) if isinstance(self.draw, Product) else self.draw
        if len(self.factors) == 1 or not shape:
            return replace(self, draw=inner)
        first = start if axis == self.axis else 0
        step = math.prod(shape[self.axis + 1 :])
        return replace(self, draw=inner, step=step, size=shape[self.axis], first=first)

    def times(self, drawn: Tensor, start: int, strides: Sequence[int]) -> Tensor:
        """Return the drawn elements times their factors; element [i, ...] is start + i * strides[0] + ... of the whole.

        The elements are a box of the whole parameter, its axes in any order.
        """
        real = drawn.dtype.to_real() if drawn.dtype.is_complex else drawn.dtype
        factors = torch.tensor(self.factors, dtype=real, device="cpu").to(drawn.device)
        if len(self.factors) == 1:
            return drawn * factors.reshape(())
        begin = start // self.step % self.size - self.first
        along = [d for d, stride in enumerate(strides) if stride == self.step and drawn.shape[d] > 1]
        count = drawn.shape[along[0]] if along else 1
        shape = [count if along and d == along[0] else 1 for d in range(drawn.dim())]
        return drawn * factors[begin : begin + count].reshape(shape)
