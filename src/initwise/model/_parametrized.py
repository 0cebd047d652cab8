"""Parametrized attributes: what they are computed from, their value without side effects, and the way back.

A weight under `torch.nn.utils.parametrize`, `weight_norm`, `spectral_norm` or a pruning mask is no tensor of its own:
the module computes it from *originals*. Here such an attribute is read and solved for; nothing is ever written, because
all that computes runs on a copy of the parametrization (which shares the originals' memory and copies buffers).

- *Through the inverse*: each parametrization has a `right_inverse`, and the effective weight follows the law.
- *Into the original*: there is none, or what is computed is no free choice (spectral norm, a frozen magnitude, a
  pruning mask). The original has the weight's shape, and follows the law.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from initwise.errors import ArgumentError

Start = Callable[[int], Tensor]  # so many numbers of the parameter's own stream, to start an iteration from


@dataclass(frozen=True)
class Form:
    """Shape and dtype of an effective weight; `problem` says why they are not known, where they are not."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    problem: str = ""


@dataclass(frozen=True)
class Way:
    """How values get into a parametrized weight: `inverse` or into the original, in words; or the `problem`."""

    inverse: bool
    words: str
    problem: str = ""


@dataclass(frozen=True, eq=False)
class Solution:
    """The tensors that make a parametrized weight what it should be, each beside the one that it replaces.

    Attributes:
        tensors: (original, its new values).
        buffers: (module, name, new values) of buffers that belong to the solution, such as singular vectors.
        effective: the weight that follows, where the law is about it; None where the law is about the original.
    """

    tensors: tuple[tuple[Tensor, Tensor], ...]
    buffers: tuple[tuple[nn.Module, str, Tensor], ...] = ()
    effective: Tensor | None = None


class Source(ABC):
    """What an attribute of a module is computed from."""

    module: nn.Module
    attribute: str

    @property
    @abstractmethod
    def originals(self) -> Mapping[str, Tensor]:
        """The tensors behind the attribute, by their names where they are registered."""

    @property
    @abstractmethod
    def way(self) -> Way:
        """How values get in."""

    @property
    def form(self) -> Form:
        """Shape and dtype of the effective weight."""
        return Form(tuple(self.largest.shape), self.largest.dtype)

    @abstractmethod
    def computed(self) -> Tensor:
        """Return the weight as the module computes it in evaluation mode; no buffer changes."""

    def effective(self) -> Tensor:
        """Return the weight that is computed, without a graph."""
        with torch.no_grad():
            return self.computed().detach()

    @abstractmethod
    def solve(self, values: Tensor, start: Start, seed: int) -> Solution:
        """Return the originals that make the weight `values`; nothing changes, torch's random state included.

        Raises:
            ArgumentError: there are none, or they have other shapes or dtypes than those that are there.
        """

    @property
    def largest(self) -> Tensor:
        """The original with the most elements; of equal ones the last (of magnitude and direction the direction)."""
        largest: Tensor = max(reversed(list(self.originals.values())), key=Tensor.numel)
        return largest


def checked_pairs(originals: Mapping[str, Tensor], found: Any) -> tuple[tuple[Tensor, Tensor], ...]:
    """Return each original with its new values, whose shape and dtype must be the same."""
    if not isinstance(found, Sequence) or not all(isinstance(new, Tensor) for new in found):
        raise ArgumentError(f"the right inverse returned {type(found).__name__}, not a tensor or a sequence of tensors")
    if len(found) != len(originals):
        raise ArgumentError(f"the right inverse returned {len(found)} tensors for {len(originals)} originals")
    for (name, old), new in zip(originals.items(), found, strict=True):
        if (new.shape, new.dtype) != (old.shape, old.dtype):
            raise ArgumentError(
                f"{name} is {tuple(old.shape)} {old.dtype}, and the right inverse returned {tuple(new.shape)} "
                f"{new.dtype}"
            )
    return tuple((old, new.detach()) for old, new in zip(originals.values(), found, strict=True))
