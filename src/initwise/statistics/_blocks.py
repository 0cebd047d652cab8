"""Blocks of a tensor that stay in cache, and where their elements lie in the whole of which they are a part."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK = 2**17  # elements: half a MiB of float32, and as many as a fill leaves to one thread
_RUN = 128  # consecutive elements of the whole that stay together


@dataclass(frozen=True, eq=False, slots=True)
class Block:
    """A view, and where it lies: element [i, j, ...] is start + i * steps[0] + j * steps[1] + ... of the whole."""

    tensor: Tensor
    start: int
    steps: tuple[int, ...]

    @classmethod
    def of(cls, tensor: Tensor) -> Block:
        """The whole of a tensor."""
        return cls(tensor, 0, row_major(tensor.shape))

    def narrow(self, axis: int, begin: int, length: int) -> Block:
        """The indices `begin` to `begin + length` of an axis."""
        return Block(self.tensor.narrow(axis, begin, length), self.start + begin * self.steps[axis], self.steps)

    def ordered(self) -> Block:
        """The same elements with the axes in the order of their memory."""
        order = sorted(range(self.tensor.dim()), key=self.tensor.stride, reverse=True)
        if order == list(range(self.tensor.dim())):
            return self
        return Block(self.tensor.permute(order), self.start, tuple(self.steps[axis] for axis in order))

    def cut(self, most: int) -> Iterator[Block]:
        """Blocks of at most `most` elements, cut across the outer axes of an ordered block.

        What is consecutive in the whole stays together as far as possible, because random numbers come in runs.
        """
        if self.tensor.numel() <= most:
            yield self
            return
        shape = self.tensor.shape
        least = [min(size, _RUN) if step == 1 else 1 for size, step in zip(shape, self.steps, strict=True)]
        axis = next((a for a, size in enumerate(shape) if size > least[a]), None)
        if axis is None:  # one run, and even that is more
            axis, least = max(range(len(shape)), key=lambda a: shape[a]), [1] * len(shape)
        length = max(least[axis], most // (self.tensor.numel() // shape[axis]))
        for begin in range(0, shape[axis], length):
            yield from self.narrow(axis, begin, min(length, shape[axis] - begin)).cut(most)


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the steps of a contiguous tensor of this shape.

    >>> row_major((2, 3, 4))
    (12, 4, 1)
    """
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def blocks(tensor: Tensor, most: int = BLOCK) -> Iterator[Tensor]:
    """Views of at most `most` elements that cover a tensor once, each in the order of its memory."""
    if tensor.numel():
        yield from (block.tensor for block in Block.of(tensor).ordered().cut(most))


def real(tensor: Tensor) -> Tensor:
    """Return the numbers of a tensor as real ones: the halves of complex elements along a last axis."""
    plain = tensor.detach()
    return torch.view_as_real(plain.resolve_conj()) if plain.is_complex() else plain
