"""`Slice` and `FlatRange`: what a plain tensor holds of a parameter, as its owner describes it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from initwise._arguments import Arguments
from initwise.errors import ArgumentError
from initwise.shards._numbers import pairs_by_axis, whole_numbers
from initwise.shards._piece import Piece, Runs, boxes, flat_boxes


@dataclass(frozen=True, init=False)
class Slice:
    """A box of a parameter, or several along an axis: what a rank of tensor-parallel code holds in a plain tensor.

    Args:
        shape: the shape of the whole parameter, as it was planned.
        start: the index of the first element that is held, along each axis; 0 where it is not given. The sizes are
            those of the tensor.
        runs: for an axis along which several runs are held, their `(begin, end)` in the order of memory, such as
            the heads of one rank in a packed query, key and value: `{0: ((0, 64), (256, 320), (512, 576))}`.

    Raises:
        ArgumentError: something of it is outside of `shape`, or runs overlap.

    >>> Slice((8, 4), (4, 0))
    Slice((8, 4), (4, 0))
    """

    shape: tuple[int, ...]
    start: tuple[int, ...]
    runs: tuple[tuple[int, tuple[tuple[int, int], ...]], ...] = field(default=())

    def __init__(
        self,
        shape: Sequence[int],
        start: Sequence[int] | None = None,
        runs: Mapping[int, Iterable[tuple[int, int]]] | None = None,
    ) -> None:
        arguments = Arguments("Slice")
        sizes = whole_numbers(arguments, "shape", shape)
        corner = (0,) * len(sizes or ()) if start is None else whole_numbers(arguments, "start", start)
        if sizes is not None and corner is not None:
            _refuse_outside(arguments, sizes, corner)
        held = () if sizes is None else pairs_by_axis(arguments, sizes, corner, runs)
        arguments.done()
        for name, value in (("shape", sizes), ("start", corner), ("runs", held)):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        runs = f", {dict(self.runs)!r}" if self.runs else ""
        return f"Slice({self.shape!r}, {self.start!r}{runs})"

    def pieces(self, local: Tensor) -> list[Piece]:
        """Return the boxes of the whole that `local` holds.

        Raises:
            ArgumentError: its sizes are not those of the slice.
        """
        if local.dim() != len(self.shape):
            raise ArgumentError(
                f"the tensor has shape {tuple(local.shape)}, and {self!r} has {len(self.shape)} axes; give the shape "
                "of the whole, or FlatRange(shape, start) for a flat tensor"
            )
        many = dict(self.runs)
        axes: list[Runs] = []
        for axis, (size, start) in enumerate(zip(self.shape, self.start, strict=True)):
            held = local.shape[axis]
            run = tuple((begin, end - begin) for begin, end in many.get(axis, ((start, start + held),)))
            total = sum(length for _, length in run)
            if total != held or (axis not in many and start + held > size):
                allowed = total if axis in many else size - start
                raise ArgumentError(
                    f"the tensor has shape {tuple(local.shape)}, and {self!r} leaves {allowed} along axis {axis}; "
                    "give the shape of the whole, and where this tensor begins in it"
                )
            axes.append(run)
        return list(boxes(local, axes))


@dataclass(frozen=True, init=False)
class FlatRange:
    """A run of a parameter's elements in row-major order: what FSDP1, ZeRO and flat optimizers keep in 1-D tensors.

    Args:
        shape: the shape of the whole parameter, as it was planned.
        start: the index of the first element that is held, of 0 to the product of `shape`. The tensor's length says
            where it ends.

    Raises:
        ArgumentError: the start is outside of `shape`.

    >>> FlatRange((8, 4), 10)
    FlatRange((8, 4), 10)
    """

    shape: tuple[int, ...]
    start: int

    def __init__(self, shape: Sequence[int], start: int) -> None:
        arguments = Arguments("FlatRange")
        sizes = whole_numbers(arguments, "shape", shape)
        first = arguments.integer("start", start, least=0)
        if sizes is not None and first > math.prod(sizes):
            arguments.refuse(f"start is {first}, and shape {sizes} has {math.prod(sizes)} elements")
        arguments.done()
        object.__setattr__(self, "shape", sizes)
        object.__setattr__(self, "start", first)

    def __repr__(self) -> str:
        return f"FlatRange({self.shape!r}, {self.start})"

    def pieces(self, local: Tensor) -> list[Piece]:
        """Return the boxes of the whole that `local` holds.

        Raises:
            ArgumentError: it is not flat and contiguous, or is longer than what is left.
        """
        if local.dim() != 1 or not local.is_contiguous():
            raise ArgumentError(
                f"the tensor has shape {tuple(local.shape)} and strides {local.stride()}, and {self!r} needs a "
                "contiguous 1-D one; give Slice(shape, start) for a box"
            )
        left = math.prod(self.shape) - self.start
        if local.numel() > left:
            raise ArgumentError(
                f"the tensor has {local.numel()} elements, and {self!r} leaves {left}; give the shape of the whole, "
                "and the index of the tensor's first element in it"
            )
        return list(flat_boxes(local, self.shape, self.start))


Shard = Slice | FlatRange


def _refuse_outside(arguments: Arguments, sizes: tuple[int, ...], start: tuple[int, ...]) -> None:
    if len(start) != len(sizes):
        arguments.refuse(f"start {start} has {len(start)} axes, and shape {sizes} has {len(sizes)}")
    elif outside := [axis for axis, at in enumerate(start) if at > sizes[axis]]:
        arguments.refuse(f"start {start} lies outside of shape {sizes} along axis {outside[0]}")
