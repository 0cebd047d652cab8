"""What a model holds, measured, and in words."""

from __future__ import annotations

import math

from torch import Tensor

from initwise.model import Parameter, Reading
from initwise.statistics import Sample

_ENOUGH = 500  # of fewer values a kurtosis says nothing
_KURTOSES = {"normal": 3.0, "uniform": 1.8}


def local(tensor: Tensor) -> Tensor:
    """Return the part of a sharded tensor that is here; any other as it is."""
    shard = getattr(tensor, "to_local", None)
    return shard() if callable(shard) else tensor


def has_values(parameter: Parameter) -> bool:
    """Tell whether a parameter has memory, on this rank; an empty one needs none."""
    return not any(local(tensor).is_meta for tensor in parameter.tensors)


def sample_of(parameter: Parameter) -> Sample:
    """Return the values of a parameter, of a shard those that are here."""
    return Sample(local(parameter.values().detach()))


def values_words(sample: Sample, *, constants_only: bool = False) -> str:
    """Return what values look like: one number, a normal or a uniform law by their kurtosis; else "".

    >>> import torch
    >>> values_words(Sample(torch.full((3,), 0.5))), values_words(Sample(torch.linspace(-1, 1, 1000)))
    ('0.5 everywhere', 'like a uniform law')
    """
    if not sample.count:
        return "empty"
    if not sample.finite:
        return "not finite"
    if sample.constant:
        return f"{sample.moments.low:.6g} everywhere"
    return "" if constants_only else _family(sample)


def _family(sample: Sample) -> str:
    if sample.count < _ENOUGH or not sample.tensor.is_floating_point():
        return ""
    allowed = max(0.1, 5 * math.sqrt(24 / sample.some.numel()))
    near = [name for name, kurtosis in _KURTOSES.items() if abs(sample.kurtosis - kurtosis) < allowed]
    return f"like a {near[0]} law" if len(near) == 1 else ""


def model_words(reading: Reading) -> str:
    """Return a model in words."""
    count = len(reading.parameters)
    kind = type(getattr(reading.model, "_orig_mod", reading.model)).__name__
    return f"model {kind} of {count:,} parameter{'' if count == 1 else 's'}"


def finite(number: float) -> float | None:
    """Return a number, or None for one that is NaN or infinite."""
    return number if math.isfinite(number) else None
