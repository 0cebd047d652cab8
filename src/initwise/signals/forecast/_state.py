"""The state of a prediction: for each tensor of the graph a *sample* of it, in which some channels stand for all.

What is carried from operation to operation is not a handful of moments but a small tensor with the true samples, tokens
and pixels and a random choice of the channels. Wide layers make their channels exchangeable: given what comes in, they
are independent draws of one law. So a few hundred of them carry everything that matters, exactly as the true tensor
does: means and moments, correlations between samples and tokens, zero padding, class tokens, masks, the shape of each
marginal, what norms and softmax take out, and, going backward, how gradients correlate with what they pass.
A weight is drawn from its law at the sampled size; what it sums over is scaled back to the true number of terms.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from initwise.model.graph import Operation
from initwise.signals.forecast._atoms import Atoms, Dim


@dataclass(frozen=True, eq=False)
class Widths:
    """How many of the elements of each atom are sampled.

    Attributes:
        atoms: the pieces of axes.
        sampled: by atom, how many elements stand for all; those that are not named keep all.
    """

    atoms: Atoms
    sampled: dict[int, int] = field(repr=False)

    def length(self, dim: Dim) -> int:
        """Return the sampled length of an axis."""
        return math.prod(self.sampled.get(leaf, self.atoms.size(leaf)) for leaf in self.atoms.leaves(dim))

    def shape(self, dims: tuple[Dim, ...]) -> tuple[int, ...]:
        """Return the sampled shape of a tensor."""
        return tuple(map(self.length, dims))

    def ratio(self, dim: Dim) -> float:
        """Return how many true elements each sampled one stands for."""
        return math.prod(
            self.atoms.size(leaf) / self.sampled[leaf] for leaf in self.atoms.leaves(dim) if leaf in self.sampled
        )


@dataclass(frozen=True, eq=False)
class Call:
    """One operation with the samples of what it takes; a rule's function returns the samples of what it gives.

    Attributes:
        function: what the model called.
        args, kwargs: as the model called it, with samples in place of tensors.
        shape: the sampled shape of the (first) output.
        widths: how much of each axis is sampled.
        dims: the axes of one of `operation.inputs` or `operation.outputs`.
        samples: the sample of one of `operation.inputs`.
    """

    operation: Operation = field(repr=False)
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    shape: tuple[int, ...]
    widths: Widths = field(repr=False)
    dims: Callable[[int], tuple[Dim, ...]] = field(repr=False)
    samples: Callable[[int], Tensor] = field(repr=False)

    @property
    def input(self) -> Tensor:
        """The first tensor among the arguments."""
        return next(each for each in (*self.args, *self.kwargs.values()) if isinstance(each, Tensor))

    def argument(self, position: int, name: str, default: Any = None) -> Any:
        """Return an argument given by position or by name."""
        return self.args[position] if position < len(self.args) else self.kwargs.get(name, default)

    def run(self) -> Any:
        """Call the function as the model did."""
        return self.function(*self.args, **self.kwargs)

    def with_argument(self, position: int, name: str, value: Any) -> Call:
        """Return the call with one argument replaced, where the model gave it."""
        args = tuple(value if at == position else each for at, each in enumerate(self.args))
        kwargs = {key: value if key == name else each for key, each in self.kwargs.items()}
        return replace(self, args=args, kwargs=kwargs)


class _Scaled(torch.autograd.Function):
    """The identity, whose gradient is scaled."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * ctx.factor, None


def scaled(tensor: Tensor, factor: float) -> Tensor:
    """Return a tensor whose gradient is multiplied by `factor` on its way back."""
    if factor == 1.0:
        return tensor
    made: Tensor = _Scaled.apply(tensor, factor)
    return made
