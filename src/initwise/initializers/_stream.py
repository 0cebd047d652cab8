"""`Stream`: the random stream of one parameter, as initializers with structure and users' functions draw from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from initwise.random import Draw, NormalDraw, TruncatedNormalDraw, UniformDraw, fill, key, words


@dataclass(frozen=True)
class Stream:
    """Random values that depend only on the seed, the parameter's name, the label and the index.

    Two calls with one label give the same values; give each purpose a label of its own. Nothing global is touched.

    >>> Stream(0, "weight").normal((2, 2), "rotation").shape
    torch.Size([2, 2])
    """

    seed: int
    name: str
    label: str = ""

    def normal(self, shape: Sequence[int], label: str = "", *, dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw from N(0, 1); for a complex `dtype` the halves have the variance 1/2."""
        std = math.sqrt(0.5) if dtype.is_complex else 1.0
        return self._draw(NormalDraw(0.0, std), shape, label, dtype)

    def uniform(
        self,
        shape: Sequence[int],
        label: str = "",
        *,
        low: float = 0.0,
        high: float = 1.0,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Draw from the uniform law on [low, high]; for a complex `dtype` each half does."""
        return self._draw(UniformDraw(low, high), shape, label, dtype)

    def truncated_normal(
        self,
        shape: Sequence[int],
        label: str = "",
        *,
        low: float = -2.0,
        high: float = 2.0,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Draw from N(0, 1) cut to [low, high]; for a complex `dtype` each half is drawn so."""
        return self._draw(TruncatedNormalDraw(0.0, 1.0, low, high), shape, label, dtype)

    def words(self, count: int, label: str = "") -> NDArray[np.uint32]:
        """Return the first `count` random 32-bit words."""
        return words(self.seed, self.name, 0, count, label=self._label(label))

    def _draw(self, draw: Draw, shape: Sequence[int], label: str, dtype: torch.dtype) -> Tensor:
        if dtype.is_complex:
            real = torch.float64 if dtype == torch.complex128 else torch.float32
            halves = (self._draw(draw, shape, f"{label}/{half}" if label else half, real) for half in ("re", "im"))
            return torch.complex(*halves)
        values = torch.empty(tuple(shape), dtype=dtype, device="cpu")
        fill(values, draw, key(self.seed, self.name, self._label(label)))
        return values

    def _label(self, label: str) -> str:
        return "/".join(part for part in (self.label, label) if part)
