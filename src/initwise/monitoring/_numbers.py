"""What is measured of one tensor, as tensors without axes that are read when the step is over."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from initwise.signals._moments import plain, real, second_moment
from initwise.signals.measured._rank import effective_rank, gram

Numbers = dict[str, Tensor]
_MOST = 2**21  # elements of an output that are looked at
_LEAST = 8  # samples that are, however large


@contextmanager
def quietly(tensor: Tensor) -> Iterator[None]:
    """Measure outside of autograd, of autocast and of modes that watch torch functions."""
    with torch.no_grad(), torch.autocast(tensor.device.type, enabled=False), torch._C.DisableTorchFunction():  # noqa: SLF001
        yield


def of_output(tensor: Tensor, axis: int, *, rank: bool) -> Numbers:
    """Return moments, extremes and the counts of what is not finite; with `rank` what the effective rank needs."""
    values = thinned(tensor)
    found = extremes(values) | {"mean": values.mean(), "second_moment": second_moment(values)}
    matrix = gram(values, axis) if rank and values.numel() > 1 else None
    return found if matrix is None else found | {"gram": matrix}


def of_gradient(tensor: Tensor) -> Numbers:
    """Return second moment and largest absolute value of a gradient."""
    values = thinned(tensor)
    low, high = torch.aminmax(values)
    return {"grad_second_moment": second_moment(values), "grad_peak": torch.maximum(-low, high)}


def of_weight_gradient(tensor: Tensor) -> Numbers:
    """Return the moments of a parameter's gradient, and what is not finite in it."""
    values = plain(tensor.coalesce().values() if tensor.is_sparse else tensor)
    found = extremes(values)
    found |= {"mean": values.mean(), "second_moment": second_moment(values)}
    return {f"grad_{name}": number for name, number in found.items() if name != "low"}


def extremes(values: Tensor) -> Numbers:
    """Return the smallest and the largest absolute value, and how many elements are NaN and infinite."""
    low, high = torch.aminmax(values)
    peak = torch.maximum(-low, high)
    smallest = torch.where((low <= 0) & (high >= 0), values.abs().amin(), torch.minimum(low.abs(), high.abs()))
    found = {"low": smallest, "peak": peak}
    if peak.device.type == "cpu" and math.isfinite(float(peak)):
        return found  # elsewhere, asking would wait for the device
    return found | {"nan": values.isnan().sum(), "infinite": values.isinf().sum()}


def thinned(tensor: Tensor) -> Tensor:
    """Return all places of some evenly spaced samples, as real numbers in at least float32."""
    values = real(tensor)
    if values.dim() > 1 and values.numel() > _MOST:
        kept = max(_LEAST, _MOST // max(values[0].numel(), 1))
        values = values[:: -(-values.shape[0] // kept)]
    return plain(values)


def read(numbers: Mapping[str, Any], scale: float = 1.0) -> dict[str, Any]:
    """Return fields of a row from numbers that were read; gradients are divided by the scale of the loss."""
    found = dict(numbers)
    matrix = found.pop("gram", None)
    if matrix is not None:
        found["effective_rank"] = effective_rank(matrix)
    for name in ("nan", "infinite", "grad_nan", "grad_infinite", "units"):
        if name in found:
            found[name] = int(found[name])
    for name, power in (("grad_mean", 1), ("grad_peak", 1), ("grad_second_moment", 2)):
        if name in found:
            found[name] /= scale**power
    for name in ("mean", "second_moment", "grad_mean", "grad_second_moment"):
        if name in found and not math.isfinite(found[name]):
            found[name] = None
    return found
