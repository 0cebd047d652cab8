"""`Orthogonal` and `DeltaOrthogonal`: exactly Haar distributed matrices as weights and as kernels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from initwise._arguments import Arguments
from initwise.axes import Axes
from initwise.errors import ArgumentError
from initwise.initializers._base import Initializer
from initwise.initializers._haar import haar
from initwise.initializers._invariants import CentreTap, Orthonormal
from initwise.initializers._law import Law, short
from initwise.initializers._schemes import positive
from initwise.initializers._stream import Stream
from initwise.initializers._target import Target


@dataclass(frozen=True, repr=False)
class Orthogonal(Initializer):
    """A matrix with orthogonal rows or columns of length `gain`, uniform (Haar) over all such matrices.

    The weight is seen as (first axis, product of the others); a tall one gets orthogonal columns, a wide one rows. Each
    index of the batch axes, and each block of a packed weight, has a matrix of its own. Any floating or complex dtype.

    Stewart, The efficient generation of random orthogonal matrices, 1980; for deep networks Saxe, McClelland, Ganguli
    2013 (arXiv:1312.6120). The law is that of `torch.nn.init.orthogonal_`, at about half the work.

    Raises:
        ArgumentError: `gain` is not positive and finite; for a target, it has fewer than two dimensions.

    >>> import initwise as iw
    >>> iw.Orthogonal(gain=2**0.5)
    Orthogonal(gain=1.4142135623730951)
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        check = Arguments("Orthogonal")
        self._store(gain=positive(check, "gain", self.gain))
        check.done()

    def _law(self, target: Target) -> Law:
        rows, columns = _matrix_shape(target, self)
        return _orthogonal_law(self.gain, max(rows, columns), 1.0, Orthonormal(self.gain, _batch(target)), "orthogonal")

    def _values(self, target: Target, stream: Stream) -> Tensor:
        rows, columns = _matrix_shape(target, self)
        batch = _batch(target)
        count = prod(target.shape[axis] for axis in batch)
        labels = [""] if count == 1 else [str(index) for index in range(count)]
        drawn = [_semi_orthogonal(rows, columns, stream, label, target.computed_in) for label in labels]
        stacked = drawn[0] if count == 1 else torch.stack(drawn)
        if self.gain != 1.0:
            stacked = stacked * self.gain
        return _placed(stacked, target.shape, batch)


@dataclass(frozen=True, repr=False)
class DeltaOrthogonal(Initializer):
    """A convolution kernel that is zero but for its centre tap, an orthogonal (out, in) matrix times `gain`.

    With circular padding the layer keeps the length of every input. Each group of a grouped convolution has a matrix of
    its own. Xiao, Bahri, Sohl-Dickstein, Schoenholz, Pennington 2018 (arXiv:1806.05393).

    Raises:
        ArgumentError: `gain` is not positive and finite; for a target, it is no convolution kernel (3 to 5 dimensions)
            or has more inputs than outputs, which no layer can map without loss.

    >>> import initwise as iw
    >>> iw.DeltaOrthogonal(gain=2)
    DeltaOrthogonal(gain=2.0)
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        check = Arguments("DeltaOrthogonal")
        self._store(gain=positive(check, "gain", self.gain))
        check.done()

    def _law(self, target: Target) -> Law:
        rows, _, groups, _ = self._sizes(target)
        density = 1 / prod(target.shape[2:])
        invariant = CentreTap(self.gain, groups)
        return _orthogonal_law(self.gain, rows, density, invariant, "delta orthogonal")

    def _values(self, target: Target, stream: Stream) -> Tensor:
        rows, columns, groups, transposed = self._sizes(target)
        labels = [""] if groups == 1 else [str(group) for group in range(groups)]
        drawn = [haar(rows, columns, stream, label, target.computed_in) for label in labels]
        taps = torch.cat([matrix.mT if transposed else matrix for matrix in drawn]) * self.gain
        delta = torch.zeros(target.shape[2:], dtype=taps.dtype, device="cpu")
        centre = torch.ones((), dtype=taps.dtype, device="cpu")
        delta = torch.index_put(delta, tuple(torch.tensor(size // 2) for size in delta.shape), centre)
        return taps.reshape(*taps.shape, *[1] * delta.dim()) * delta

    def _sizes(self, target: Target) -> tuple[int, int, int, bool]:
        """Return (out, in) of one group, the number of groups, and whether the kernel is stored as (in, out)."""
        if not 3 <= len(target.shape) <= 5:
            raise ArgumentError(
                f"{self!r}: the shape is {target.shape}; allowed are convolution kernels (out, in, *kernel) "
                f"with 3 to 5 dimensions. Use Orthogonal for matrices"
            )
        axes = target.axes.normalized(target.shape) if target.axes else Axes((1,), (0,))
        transposed = 0 in axes.fan_in
        first, second = target.shape[0] // axes.groups, target.shape[1]
        rows, columns = (second, first) if transposed else (first, second)
        if rows < columns:
            raise ArgumentError(
                f"{self!r}: the kernel of shape {target.shape} has {columns} inputs and {rows} outputs for each of "
                f"{axes.groups} groups; there must be at least as many outputs. Use Orthogonal or KaimingNormal"
            )
        return rows, columns, axes.groups, transposed


def _semi_orthogonal(rows: int, columns: int, stream: Stream, label: str, dtype: torch.dtype) -> Tensor:
    if rows >= columns:
        return haar(rows, columns, stream, label, dtype)
    return haar(columns, rows, stream, label, dtype).mT


def _placed(stacked: Tensor, shape: Sequence[int], batch: tuple[int, ...]) -> Tensor:
    """Return the matrices, laid out in the target's shape."""
    rest = [size for axis, size in enumerate(shape) if axis not in batch]
    front = stacked.reshape(*(shape[axis] for axis in batch), *rest)
    return torch.movedim(front, tuple(range(len(batch))), batch)


def _batch(target: Target) -> tuple[int, ...]:
    return target.axes.normalized(target.shape).batch if target.axes else ()


def _matrix_shape(target: Target, initializer: Initializer) -> tuple[int, int]:
    rest = [size for axis, size in enumerate(target.shape) if axis not in _batch(target)]
    if len(rest) < 2:
        raise ArgumentError(
            f"{initializer!r}: the shape is {target.shape}; a matrix with at least two dimensions is needed. "
            f"Use Normal for vectors"
        )
    return rest[0], prod(rest[1:])


def _orthogonal_law(gain: float, longer: int, density: float, invariant: Orthonormal | CentreTap, name: str) -> Law:
    return Law(
        mean=0.0,
        std=gain * math.sqrt(density / longer),
        support=(-gain, gain),
        invariants=(invariant,),
        name=name,
        iid=False,
        text=f"{name} ×{short(gain)}",
    )
