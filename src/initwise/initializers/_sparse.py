"""`Sparse`: few incoming weights for each unit, the others zero."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from initwise._arguments import Arguments
from initwise.axes import Axes
from initwise.errors import FanError
from initwise.initializers._base import Initializer
from initwise.initializers._basic import spread
from initwise.initializers._elementwise import law_of
from initwise.initializers._invariants import NonzerosPerUnit, unit_axes, units
from initwise.initializers._law import INFINITE, Law, short
from initwise.initializers._stream import Stream
from initwise.initializers._target import Target
from initwise.random import NormalDraw


@dataclass(frozen=True, repr=False)
class Sparse(Initializer):
    """N(0, std^2) for exactly fan_in - ceil(sparsity * fan_in) incoming weights of every output unit; zero elsewhere.

    Martens, Deep learning via Hessian-free optimization, 2010. This differs from `torch.nn.init.sparse_`, which zeros a
    share of each column of a linear layer's (out, in), so that units keep different numbers of incoming weights.

    Args:
        sparsity: the share of incoming weights that are zero, in [0, 1).
        std: standard deviation of the others.

    Raises:
        ArgumentError: `sparsity` is outside [0, 1), or `std` is not positive and finite.
        FanError: for a target with other than two dimensions whose axes are not declared.

    >>> import initwise as iw
    >>> iw.Sparse(sparsity=0.5)
    Sparse(sparsity=0.5)
    """

    sparsity: float = 0.9
    std: float = 0.01

    def __post_init__(self) -> None:
        check = Arguments("Sparse")
        sparsity, std = check.number("sparsity", self.sparsity), spread(check, "std", self.std)
        if not 0 <= sparsity < 1:
            check.refuse(f"sparsity is {sparsity}, and must be in [0, 1)" + "; use Zeros() instead" * (sparsity == 1))
        check.done()
        self._store(sparsity=sparsity, std=std)

    def _law(self, target: Target) -> Law:
        axes = self._axes(target)
        fan_in = units(torch.empty(target.shape, device="meta"), axes).shape[1]
        kept = self._kept(fan_in)
        share = kept / fan_in
        half = self.std * math.sqrt(0.5) if target.is_complex else self.std
        return Law(
            mean=0.0,
            std=self.std * math.sqrt(share),
            support=INFINITE,
            fourth=3 * half**4 * share,
            invariants=(NonzerosPerUnit(kept, axes),),
            name="sparse",
            iid=False,
            text=f"N(0, {short(self.std)}²) for {kept} of {fan_in} incoming",
            nonzero=law_of(NormalDraw(0.0, half), is_complex=target.is_complex),
        )

    def _values(self, target: Target, stream: Stream) -> Tensor:
        axes = self._axes(target)
        values = stream.normal(target.shape, dtype=target.computed_in) * self.std
        words = torch.from_numpy(stream.words(math.prod(target.shape), "mask").astype(np.int64)).reshape(target.shape)
        order = units(words, axes).numpy()
        order *= order.shape[1]  # a unit's incoming positions, counted in row-major order, break ties of equal words
        order += np.arange(order.shape[1])
        mask = torch.empty(target.shape, dtype=torch.bool, device="cpu")
        apart = unit_axes(mask, axes)[0].numpy()
        apart[...] = self._chosen(order).reshape(apart.shape)
        return torch.where(mask, values, 0)

    def _chosen(self, order: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return, for each row, whether a number is among the smallest that are kept."""
        kept = self._kept(order.shape[1])
        if kept == 0:
            return np.zeros(order.shape, dtype=np.bool_)
        return order <= np.partition(order, kept - 1, axis=1)[:, kept - 1 : kept]

    def _kept(self, fan_in: int) -> int:
        return fan_in - math.ceil(self.sparsity * fan_in)

    def _axes(self, target: Target) -> Axes:
        if target.axes is None and len(target.shape) != 2:
            raise FanError(
                f"{self!r}: which weights of the shape {target.shape} come into one unit cannot be known. "
                f"Declare its axes in the rule, for example axes=iw.Axes(fan_in=(1,), fan_out=(0,))"
            )
        return target.axes if target.axes is not None else Axes((1,), (0,))
