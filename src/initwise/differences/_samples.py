"""What a model holds, measured, and in words."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from initwise.model import Parameter, Reading
from initwise.shards import local
from initwise.statistics import Sample

_MEASURED = {torch.float64, torch.float32, torch.bfloat16, torch.float16}
_ENOUGH = 500  # of fewer values a kurtosis says nothing
_KURTOSES = {"normal": 3.0, "uniform": 1.8}


def has_values(parameter: Parameter) -> bool:
    """Tell whether a parameter has memory, on this rank; an empty one needs none."""
    return not any(local(tensor).is_meta for tensor in parameter.tensors)


def sample_of(parameter: Parameter) -> Sample:
    """Return the values of a parameter, of a shard those that are here."""
    return sample(local(parameter.values().detach()))


def sample(tensor: Tensor) -> Sample:
    """Return the values of a tensor; integers and 8-bit numbers, which buffers may hold, as double precision."""
    wide = tensor.dtype in _MEASURED or tensor.is_complex()
    return Sample(tensor if wide else tensor.to(torch.float64))


def values_words(found: Sample, *, constants_only: bool = False) -> str:
    """Return what values look like: one number, a normal or a uniform law by their kurtosis; else "".

    >>> values_words(Sample(torch.full((3,), 0.5))), values_words(Sample(torch.linspace(-1, 1, 1000)))
    ('0.5 everywhere', 'like a uniform law')
    """
    if not found.count:
        return "empty"
    if not found.finite:
        return "not finite"
    if found.constant:
        return f"{found.moments.low:.6g} everywhere"
    return "" if constants_only else _family(found)


def _family(found: Sample) -> str:
    if found.count < _ENOUGH or not found.tensor.is_floating_point():
        return ""
    allowed = max(0.1, 5 * math.sqrt(24 / found.some.numel()))
    near = [name for name, kurtosis in _KURTOSES.items() if abs(found.kurtosis - kurtosis) < allowed]
    return f"like a {near[0]} law" if len(near) == 1 else ""


def model_words(reading: Reading) -> str:
    """Return a model in words."""
    count = len(reading.parameters)
    kind = type(getattr(reading.model, "_orig_mod", reading.model)).__name__
    return f"model {kind} of {count:,} parameter{'' if count == 1 else 's'}"


def finite(number: float) -> float | None:
    """Return a number, or None for one that is NaN or infinite."""
    return number if math.isfinite(number) else None
