"""`ICNR` and `BilinearKernel`: layers that enlarge an image and start without a checkerboard."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import reduce

import torch
from torch import Tensor

from initwise._arguments import Arguments
from initwise.errors import ArgumentError
from initwise.fans import Fans
from initwise.initializers._base import Initializer
from initwise.initializers._combining import Keep, PerBlock
from initwise.initializers._custom import as_initializer
from initwise.initializers._invariants import Invariant
from initwise.initializers._law import Law
from initwise.initializers._product import Fill, Product
from initwise.initializers._schemes import KaimingNormal
from initwise.initializers._stream import Stream
from initwise.initializers._target import Target
from initwise.random import Draw

_FEWEST = 3  # so many equal values are no accident
_ENOUGH = 256  # so many values have a mean square that is nearly normal
_SIGMAS = 7.0  # of a sample's mean and mean square: less than once in 10**8 draws


@dataclass(frozen=True)
class Repeated(Invariant):
    """Each run of `count` slices along the first axis is one slice, `count` times; those slices follow `law`."""

    count: int
    law: Law

    def check(self, values: Tensor) -> str | None:
        """Compare each slice with the first of its run exactly, and those with the law."""
        runs = values.unflatten(0, (-1, self.count))
        wrong = int((runs != runs[:, :1]).sum())
        if wrong:
            return f"{wrong} of {values.numel()} values differ from the first of their run of {self.count} channels"
        firsts = runs[:, 0]
        broken = next((said for invariant in self.law.invariants if (said := invariant.check(firsts))), None)
        return broken or (unlikely(firsts, self.law, "one channel of each run has") if self.law.iid else None)

    def describe(self) -> str:
        """Return the property in words."""
        return f"every {self.count} output channels are equal, and one of each follows {self.law.describe()}"


def unlikely(slices: Tensor, given: Law, subject: str) -> str | None:
    """Return what independent draws of a law, the slices of the first axis among them, could not be; None if nothing.

    Equal slices, or a mean or mean square that is seven standard errors off.
    """
    flat = slices.flatten(1)
    if given.std > 0 and flat.shape[1] >= _FEWEST and bool((flat[1:] == flat[:1]).all(1).any()):
        return "channels that are drawn apart are equal, which independent draws never are"
    law = given.half() if slices.is_complex() else given
    drawn = (torch.view_as_real(slices) if slices.is_complex() else slices).flatten().double()
    if drawn.numel() < _ENOUGH or law.std == 0 or law.fourth is None:
        return None
    allowed = _SIGMAS / math.sqrt(drawn.numel())
    centred = (drawn - law.mean) / law.std
    off = abs(float(centred.mean())), abs(float(centred.square().mean()) - 1)
    if off[0] <= allowed and off[1] <= allowed * math.sqrt(law.fourth / law.std**4 - 1):
        return None
    found = f"mean {float(drawn.mean()):.6g} and std {float(drawn.std(correction=0)):.6g}"
    return f"{subject} {found}; asked is {given.describe()}"


@dataclass(frozen=True, repr=False)
class ICNR(Initializer):
    """A kernel before a pixel shuffle: `inner` for one small kernel, each output channel of it repeated scale^2 times.

    W = repeat_interleave(W0, scale^2, axis 0) with W0 of shape (out / scale^2, in, height, width) drawn by `inner`: the
    shuffled output is then the nearest-neighbour enlargement of what W0 gives, and has no checkerboard. Fans are those
    of W0. Aitken, Ledig, Theis, Caballero, Wang, Shi, Checkerboard artifact free sub-pixel convolution, 2017
    (arXiv:1707.02937). The bias of the layer must be equal within each run too: use Zeros.

    Args:
        scale: how many times larger the pixel shuffle makes the image, along each side.
        inner: what W0 holds.

    Raises:
        ArgumentError: `scale` is below 1, or `inner` is Keep, PerBlock or ICNR; for a target, it is no kernel of four
            dimensions whose first axis holds a multiple of scale^2 output channels in each group.

    >>> import initwise as iw
    >>> iw.ICNR(scale=3, inner=iw.Normal(std=0.02))
    ICNR(scale=3, inner=Normal(std=0.02))
    """

    scale: int = 2
    inner: Initializer = KaimingNormal()  # noqa: RUF009 - a frozen value

    def __post_init__(self) -> None:
        check = Arguments("ICNR")
        scale, inner = check.integer("scale", self.scale, least=1), as_initializer(self.inner)
        if isinstance(inner, Keep | PerBlock | ICNR):
            check.refuse(f"inner is {inner!r}; give what one small kernel holds, such as iw.KaimingNormal()")
        check.done()
        self._store(scale=scale, inner=inner)

    def _law(self, target: Target) -> Law | None:
        law = self.inner.law(self.small(target))
        if law is None:
            return None
        count = self.scale**2
        text = f"{law.describe()}, each channel {count} times"
        return replace(law, invariants=(Repeated(count, law),), iid=False, name="icnr", text=text, nonzero=None)

    def _values(self, target: Target, stream: Stream) -> Tensor:
        small = self.small(target)
        draw = self.inner.draw(small)
        drawn = self.inner.values(small, stream) if draw is None else _drawn(draw, small, stream)
        return drawn.repeat_interleave(self.scale**2, dim=0)

    def small(self, target: Target) -> Target:
        """Return the target of the small kernel: the same, with scale^2 times fewer output channels.

        Raises:
            ArgumentError: the target has no such kernel.
        """
        count, axes = self.scale**2, target.axes
        found = f"{self!r}: the shape is {target.shape}"
        if len(target.shape) != 4 or (axes is not None and 0 not in axes.normalized(target.shape).fan_out):
            raise ArgumentError(f"{found}; allowed are kernels (out, in, height, width) of a 2-D convolution")
        groups = axes.groups if axes is not None else 1
        if target.shape[0] % (groups * count):
            raise ArgumentError(
                f"{found}; the output channels of each of {groups} groups must be a multiple of scale² = {count}. "
                f"Give the upscale factor of the pixel shuffle"
            )
        fans = target.fans and Fans(target.fans.fan_in, target.fans.fan_out / count)
        shape = (target.shape[0] // count, *target.shape[1:])
        return Target(shape, target.dtype, None if axes is not None else fans, axes)


def _drawn(draw: Draw | Fill | Product, target: Target, stream: Stream) -> Tensor:
    """Return an element-wise draw as a tensor of its own."""
    if isinstance(draw, Product):
        placed = draw.placed(target.shape)
        strides = tuple(math.prod(target.shape[axis + 1 :]) for axis in range(len(target.shape)))
        return placed.times(_drawn(placed.draw, target, stream), 0, strides)
    if isinstance(draw, Fill):
        return torch.full(target.shape, draw.value, dtype=target.computed_in, device="cpu")
    return stream._draw(draw, target.shape, "", target.computed_in)  # noqa: SLF001 - one room


@dataclass(frozen=True)
class Interpolating(Invariant):
    """The values are exactly those of the linear interpolation kernel, one channel to one channel."""

    groups: int = 1

    def check(self, values: Tensor) -> str | None:
        """Compare every value with the kernel, rounded as it is when written."""
        expected = interpolation(tuple(values.shape), self.groups)
        halves = torch.finfo(values.dtype).bits == 16
        wrong = values != (expected.float() if halves else expected).to(values)
        if not bool(wrong.any()):
            return None
        return f"{int(wrong.sum())} of {values.numel()} values differ from the interpolation kernel"

    def describe(self) -> str:
        """Return the property in words."""
        return "the values are the linear interpolation kernel, channel by channel"


@dataclass(frozen=True, repr=False)
class BilinearKernel(Initializer):
    """The kernel of a transposed convolution that enlarges each channel by linear interpolation. Deterministic.

    Along an axis of k taps the factor is r = ceil(k / 2) and tap i weighs 1 - |i - c| / r, with c = r - 1 for odd k and
    r - 1/2 for even k; the axes multiply. Channel i of each group goes to channel i, all else is zero. Long, Shelhamer,
    Darrell, Fully convolutional networks for semantic segmentation, 2015 (arXiv:1411.4038). With k = 2r - r % 2 and
    padding (k - r) / 2, rounded up, it is `F.interpolate(mode="bilinear", align_corners=False)` away from the border.

    Raises:
        ArgumentError: for a target, it is no kernel (in, out / groups, *kernel) of 3 to 5 dimensions with as many
            inputs as outputs, or its stride is not the factor that its kernel interpolates by.
    """

    def _law(self, target: Target) -> Law:
        groups = self._groups(target)
        values = interpolation(target.shape, groups)
        mean, std = float(values.mean()), float(values.std(correction=0))
        text = "linear interpolation"
        return Law(mean, std, (0.0, 1.0), None, None, (Interpolating(groups),), "interpolation", False, text)

    def _values(self, target: Target, stream: Stream) -> Tensor:
        return interpolation(target.shape, self._groups(target)).to(target.computed_in)

    def _groups(self, target: Target) -> int:
        found = f"{self!r}: the shape is {target.shape}"
        axes = target.axes.normalized(target.shape) if target.axes is not None else None
        if not 3 <= len(target.shape) <= 5 or (axes is not None and 0 not in axes.fan_in):
            raise ArgumentError(
                f"{found}; allowed are kernels (in, out / groups, *kernel) of transposed convolutions "
                f"(3 to 5 dimensions). Use Dirac for other convolutions"
            )
        groups = axes.groups if axes is not None else max(target.shape[0] // target.shape[1], 1)
        if target.shape[0] != groups * target.shape[1]:
            raise ArgumentError(
                f"{found} in {groups} groups; each group must have as many inputs as outputs. Use KaimingNormal"
            )
        factor = math.prod((size + 1) // 2 for size in target.shape[2:])
        if axes is not None and axes.stride != factor:
            raise ArgumentError(
                f"{found}, whose kernel enlarges {factor} times, while the stride enlarges {axes.stride} times; "
                f"a kernel of 2r - r % 2 fits the stride r. Use KaimingNormal"
            )
        return groups


def interpolation(shape: tuple[int, ...], groups: int) -> Tensor:
    """Return the interpolation kernel of a shape (in, out / groups, *kernel), in float64."""
    taps = reduce(torch.multiply, torch.meshgrid(*map(_triangle, shape[2:]), indexing="ij"))
    channels = torch.eye(shape[0] // groups, shape[1], dtype=torch.float64, device="cpu").repeat(groups, 1)
    return channels.reshape(*channels.shape, *[1] * taps.dim()) * taps


def _triangle(size: int) -> Tensor:
    factor = (size + 1) // 2
    centre = factor - 1 if size % 2 else factor - 0.5
    return 1 - (torch.arange(size, dtype=torch.float64, device="cpu") - centre).abs() / factor
