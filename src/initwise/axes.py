"""What the axes of a stored weight mean, and how one packs several blocks. Plain values; no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import accumulate
from typing import Any

from initwise._arguments import Arguments
from initwise.errors import ArgumentError

_ROLES = ("fan_in", "fan_out", "batch", "kernel")


@dataclass(frozen=True, repr=False)
class Axes:
    """The roles of a weight's axes in the operation that uses it.

    `fan_in` axes are contracted with the input, `fan_out` axes are kept in the output, `batch` axes are looped over
    (each index has a weight of its own, as in stacked experts), and `kernel` axes are a window that counts for both
    fans. An axis without a role is looked up or looped over and counts for neither. Axis 0 spans all `groups` of a
    grouped convolution; `stride` is the product of the strides of a transposed one. `split` pairs an axis with the
    number of matrices that lie side by side along it, as heads that are kept apart: each counts for itself. Negative
    axes count from the end.

    Raises:
        ArgumentError: an axis is named twice, or `groups` or `stride` is below 1.

    >>> import initwise as iw
    >>> iw.Axes(fan_in=1, fan_out=0)                              # a linear layer: (out, in)
    Axes(fan_in=(1,), fan_out=(0,))
    >>> iw.Axes(fan_in=1, fan_out=0, kernel=(2, 3), groups=4)     # a grouped convolution: (out, in / groups, h, w)
    Axes(fan_in=(1,), fan_out=(0,), kernel=(2, 3), groups=4)
    """

    fan_in: tuple[int, ...]
    fan_out: tuple[int, ...]
    batch: tuple[int, ...] = ()
    kernel: tuple[int, ...] = ()
    groups: int = 1
    stride: int = 1
    split: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        check = Arguments("Axes")
        for role in _ROLES:
            object.__setattr__(self, role, _axes_of(check, role, getattr(self, role)))
        object.__setattr__(self, "groups", check.integer("groups", self.groups, least=1))
        object.__setattr__(self, "stride", check.integer("stride", self.stride, least=1))
        object.__setattr__(self, "split", tuple((int(axis), int(count)) for axis, count in self.split))
        named = [axis for role in _ROLES for axis in getattr(self, role)]
        if len(set(named)) < len(named):
            check.refuse(f"an axis has two roles in {self!r}; each axis has at most one")
        check.done()

    def __repr__(self) -> str:
        shown = (f for f in fields(self) if f.name in _ROLES[:2] or getattr(self, f.name) != f.default)
        return f"Axes({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in shown)})"

    def normalized(self, shape: Sequence[int]) -> Axes:
        """Return the same roles with axes counted from the front, checked against a tensor's `shape`."""
        count = len(shape)
        named = [axis for role in _ROLES for axis in getattr(self, role)]
        outside = sorted({axis for axis in named if not -count <= axis < count})
        if outside:
            raise ArgumentError(
                f"{self!r}: a weight of shape {tuple(shape)} has no axis {', '.join(map(str, outside))}; "
                f"its axes are {-count} to {count - 1}. Correct axes="
            )
        fan_in, fan_out, batch, kernel = (tuple(axis % count for axis in getattr(self, role)) for role in _ROLES)
        split = tuple((axis % count, parts) for axis, parts in self.split)
        front = Axes(fan_in, fan_out, batch, kernel, self.groups, self.stride, split)
        if front.groups > 1 and (0 not in front.fan_in + front.fan_out or shape[0] % front.groups):
            raise ArgumentError(
                f"{self!r}: axis 0 must be a fan_in or fan_out axis whose size is a multiple of groups; "
                f"the weight's shape is {tuple(shape)}. Correct axes="
            )
        return front


@dataclass(frozen=True)
class Blocks:
    """The blocks that a weight packs along one axis, as query, key and value in one projection.

    Raises:
        ArgumentError: no blocks, names and sizes of different number, two blocks of one name, or a size below 1.

    >>> Blocks(0, ("q", "k", "v"), (4, 4, 4)).slices()
    (('q', 0, 4), ('k', 4, 8), ('v', 8, 12))
    """

    axis: int
    names: tuple[str, ...]
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        check = Arguments("Blocks")
        object.__setattr__(self, "names", tuple(self.names))
        sizes = tuple(check.integer(f"the size of block {i}", size, least=1) for i, size in enumerate(self.sizes))
        object.__setattr__(self, "sizes", sizes)
        if not self.names or len(self.names) != len(self.sizes):
            check.refuse(f"{len(self.names)} names and {len(self.sizes)} sizes; give one size for each name")
        if len(set(self.names)) < len(self.names):
            check.refuse(f"two blocks have one name in {self.names}")
        check.done()

    def slices(self) -> tuple[tuple[str, int, int], ...]:
        """Return (name, start, stop) of each block along the axis."""
        stops = tuple(accumulate(self.sizes))
        return tuple(zip(self.names, (0, *stops[:-1]), stops, strict=True))

    def __iter__(self) -> Iterator[tuple[str, int, int]]:
        return iter(self.slices())


def _axes_of(check: Arguments, role: str, value: Any) -> tuple[int, ...]:
    axes = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else (value,)
    return tuple(check.integer(f"an axis of {role}", axis, least=-64) for axis in axes)
