"""Fans: how many terms one output sums (fan_in), and how many outputs one input feeds (fan_out)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod

from initwise.axes import Axes
from initwise.errors import ArgumentError


@dataclass(frozen=True)
class Fans:
    """The fans of one weight; integers wherever they are whole."""

    fan_in: int | float
    fan_out: int | float


def fans(shape: Sequence[int], axes: Axes) -> Fans:
    """Return the true fans of a weight of `shape` whose axes play the roles `axes`.

    With k the size of the kernel window, g the groups and s the stride of a transposed convolution,
    fan_in = (contracted sizes) * k / s and fan_out = (kept sizes) * k; the role that holds axis 0 is divided by g, and
    one that holds a split axis by the number of its parts.
    fan_in counts the terms summed into one output element; fan_out keeps the convention of He et al. (2015), which
    ignores the stride. `torch.nn.init` swaps the fans of transposed convolutions and ignores groups in fan_out.

    Raises:
        ArgumentError: the axes do not fit the shape.

    >>> fans((64, 1, 3, 3), Axes(fan_in=1, fan_out=0, kernel=(2, 3), groups=64))     # a depthwise convolution
    Fans(fan_in=9, fan_out=9)
    >>> fans((50257, 768), Axes(fan_in=(), fan_out=1))                               # an embedding
    Fans(fan_in=1, fan_out=768)
    """
    roles = axes.normalized(shape)
    kernel = prod(shape[axis] for axis in roles.kernel)
    fan_in = _size(shape, roles.fan_in, roles) * kernel / roles.stride
    fan_out = _size(shape, roles.fan_out, roles) * kernel
    return Fans(_whole(fan_in), _whole(fan_out))


def torch_fans(shape: Sequence[int]) -> Fans:
    """Return the fans that `torch.nn.init` takes for a bare tensor: (out, in, *kernel), whatever the layer.

    Raises:
        ArgumentError: the shape has fewer than two dimensions.

    >>> torch_fans((64, 1, 3, 3))
    Fans(fan_in=9, fan_out=576)
    """
    if len(shape) < 2:
        raise ArgumentError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    kernel = prod(shape[2:])
    return Fans(shape[1] * kernel, shape[0] * kernel)


def _size(shape: Sequence[int], role: Iterable[int], roles: Axes) -> Fraction:
    axes = tuple(role)
    apart = prod(count for axis, count in roles.split if axis in axes)
    return Fraction(prod(shape[axis] for axis in axes), (roles.groups if 0 in axes else 1) * apart)


def _whole(value: Fraction) -> int | float:
    return int(value) if value.denominator == 1 else float(value)
