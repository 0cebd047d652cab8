"""Two tensors, a piece at a time: whether all bits are equal, and how far apart the values are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

_PIECE = 2**18  # elements at a time: a few megabytes of temporaries
_WORDS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


@dataclass(frozen=True, slots=True)
class Apart:
    """The largest |a - b| and the correlation of `a` and `b`; NaN where values are not finite, or do not vary."""

    largest: float
    correlation: float


def identical(a: Tensor, b: Tensor) -> bool:
    """Tell whether two tensors of one shape and dtype have the same bits: NaN equals itself, and 0 is not -0."""
    return all(torch.equal(_bits(one), _bits(other)) for one, other in _pieces(_real(a), _real(b)))


def apart(a: Tensor, b: Tensor) -> Apart:
    """Measure the distance of two tensors of one shape, whatever their dtypes, in one pass."""
    count, largest, sums = 0, 0.0, torch.zeros(5, dtype=torch.float64)
    for one, other in _pieces(_real(a), _real(b)):
        x, y = _number(one), _number(other)
        gap = float((x - y).abs().max())
        largest = max(largest, gap) if not math.isnan(gap) else gap
        sums = sums + torch.tensor([float(part) for part in (x.sum(), y.sum(), x @ x, y @ y, x @ y)], dtype=sums.dtype)
        count += x.numel()
        if not math.isfinite(largest):
            return Apart(largest, math.nan)
    return Apart(largest, _correlation(count, *sums.tolist()))


def _correlation(count: int, x: float, y: float, xx: float, yy: float, xy: float) -> float:
    if not count:
        return math.nan
    spread = max(0.0, xx - x * x / count) * max(0.0, yy - y * y / count)
    return (xy - x * y / count) / math.sqrt(spread) if spread > 0 else math.nan


def _real(tensor: Tensor) -> Tensor:
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def _bits(tensor: Tensor) -> Tensor:
    return tensor.view(_WORDS[tensor.element_size()])


def _number(tensor: Tensor) -> Tensor:
    """Return values that can be subtracted: integers and double precision as doubles, all else as floats."""
    wide = tensor.dtype == torch.float64 or not tensor.is_floating_point()
    return tensor.to(torch.float64 if wide else torch.float32)


def _pieces(a: Tensor, b: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield flat pieces of both, those of `b` on the device of `a`."""
    if a.is_contiguous() and b.is_contiguous():
        pairs = zip(a.view(-1).split(_PIECE), b.view(-1).split(_PIECE), strict=True)
        yield from ((one, other.to(one.device)) for one, other in pairs)
    elif a.numel() <= _PIECE:
        yield a.reshape(-1), b.reshape(-1).to(a.device)
    else:
        for one, other in zip(a, b, strict=True):
            yield from _pieces(one, other)
