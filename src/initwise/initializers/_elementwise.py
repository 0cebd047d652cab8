"""Element-wise laws: what is drawn for one element, and the law that this implies."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import torch

from initwise.errors import ArgumentError
from initwise.initializers._base import Initializer
from initwise.initializers._distributions import NormalCdf, TruncatedNormalCdf, UniformCdf
from initwise.initializers._law import INFINITE, Law, short
from initwise.initializers._target import Target
from initwise.moments import truncated
from initwise.random import Draw, NormalDraw, TruncatedNormalDraw, UniformDraw, check_draw

SMALLEST = 1e-25  # below it, results could be subnormal and would depend on the machine's flush-to-zero
LARGEST = 1e37  # six sigmas of it still fit float32
_FARTHEST = 6.34  # the largest |z| of the stream


@dataclass(frozen=True, repr=False)
class ElementWise(Initializer):
    """An initializer whose elements are independent draws of one law."""

    @abstractmethod
    def _real(self, target: Target) -> Draw:
        """What is drawn for a real element, or for each half of a complex one."""

    def _draw(self, target: Target) -> Draw:
        draw = self._real(target)
        low, high = reach(draw)
        largest = torch.finfo(target.dtype).max
        if max(-low, high) > largest:
            raise ArgumentError(
                f"{self!r}: values reach [{low:.6g}, {high:.6g}], beyond the largest {target.dtype} number "
                f"{largest:.6g}. Use a smaller scale or a wider dtype"
            )
        check_draw(draw, target.dtype)
        return draw

    def _law(self, target: Target) -> Law:
        return law_of(self._draw(target), is_complex=target.is_complex)


def centred(distribution: str, variance: float) -> Draw:
    """Return the draw with mean zero and the given variance: normal, uniform, or normal cut at two sigmas."""
    if distribution == "normal":
        return NormalDraw(0.0, math.sqrt(variance))
    if distribution == "uniform":
        return UniformDraw(-math.sqrt(3 * variance), math.sqrt(3 * variance))
    return TruncatedNormalDraw(0.0, math.sqrt(variance) / truncated(-2.0, 2.0).std, -2.0, 2.0)


def reach(draw: Draw) -> tuple[float, float]:
    """Return the interval that all values of a draw fall into."""
    if isinstance(draw, NormalDraw):
        return draw.mean - _FARTHEST * draw.std, draw.mean + _FARTHEST * draw.std
    return draw.support


def law_of(draw: Draw, *, is_complex: bool = False) -> Law:
    """Return the law of values that are drawn so; complex values draw both halves so."""
    if isinstance(draw, NormalDraw):
        return _normal_law(draw, math.sqrt(2) if is_complex else 1.0)
    if isinstance(draw, UniformDraw):
        return _uniform_law(draw, math.sqrt(2) if is_complex else 1.0)
    return _truncated_law(draw, math.sqrt(2) if is_complex else 1.0)


def _normal_law(draw: NormalDraw, factor: float) -> Law:
    std = draw.std * factor
    text = f"{_prefix(factor)}N({short(draw.mean)}, {short(std)}²)"
    return Law(draw.mean, std, INFINITE, NormalCdf(draw.mean, draw.std), 3 * draw.std**4, (), "normal", True, text)


def _uniform_law(draw: UniformDraw, factor: float) -> Law:
    low, high = draw.support
    width = high - low
    text = f"±{short(high)}" if low == -high else f"{short(low)}, {short(high)}"
    return Law(
        mean=low + width / 2,
        std=width / math.sqrt(12) * factor,
        support=(low, high),
        cdf=UniformCdf(low, high),
        fourth=width**4 / 80,
        name="uniform",
        text=f"{_prefix(factor)}U({text})",
    )


def _truncated_law(draw: TruncatedNormalDraw, factor: float) -> Law:
    z = truncated(draw.low, draw.high)
    std = draw.sigma * z.std * factor
    centre = "" if draw.mean == 0 else f"μ={short(draw.mean)}, "
    cut = f"±{short(draw.high)}" if draw.low == -draw.high else f"{short(draw.low)} to {short(draw.high)}"
    return Law(
        mean=draw.mean + draw.sigma * z.mean,
        std=std,
        support=draw.support,
        cdf=TruncatedNormalCdf(draw.mean, draw.sigma, draw.low, draw.high),
        fourth=draw.sigma**4 * z.fourth,
        name="truncated normal",
        text=f"{_prefix(factor)}TN({centre}σ={short(std)}, {cut}σ)",
    )


def _prefix(factor: float) -> str:
    return "" if factor == 1.0 else "complex "
