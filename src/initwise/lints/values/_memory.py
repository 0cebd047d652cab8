"""Memory that nobody wrote: NaN, numbers that no initializer makes, buffers that cannot be what they are called."""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch
from torch import Tensor

from initwise.findings import Finding, found
from initwise.lints._subject import Subject
from initwise.model import canonical_name, is_parallel
from initwise.statistics import Sample

_HUGE, _TINY = 1e10, 1e-20  # beyond them lie numbers that memory holds and that nobody draws
_START = 16
_INDEX = re.compile(r"position_(ids|index)|pos(ition)?_idx|rel\w*_index")
_FREQUENCIES = re.compile(r"freq(s|uencies)?$")
_POISON = "build the model inside `with iw.record() as log:` to see what was never written"


def not_finite(subject: Subject) -> Iterator[Finding]:
    """INI101: a parameter holds NaN or infinity, or a buffer NaN."""
    for parameter in subject.parameters:
        if not subject.sample(parameter).finite:
            told = _counted(parameter.values())
            yield found("INI101", parameter.name, "the values are not all finite", told, "finite values")
    for name, buffer in _buffers(subject):
        if buffer.is_floating_point() and bool(torch.isnan(buffer).any()):
            yield found("INI101", name, "the buffer holds NaN", _counted(buffer), "numbers")


def unwritten(subject: Subject) -> Iterator[Finding]:
    """INI108: the numbers look like memory that nobody wrote."""
    for parameter in subject.parameters:
        sample = subject.sample(parameter)
        if sample.finite and not sample.constant and (_is_rubbish(sample) or _has_addresses(sample.tensor)):
            yield found(
                "INI108",
                parameter.name,
                "the numbers look like memory that nobody wrote",
                f"{sample.moments.low:.3g} to {sample.moments.high:.3g}",
                f"sizes between {_TINY:g} and {_HUGE:g}",
                _POISON,
            )
    for name, buffer in _buffers(subject):
        told = _impossible(name, buffer)
        if told:
            said = "the buffer cannot be what its name says"
            yield found("INI108", name, said, *told, "compute it again in the constructor")


def padding(subject: Subject) -> Iterator[Finding]:
    """INI107: the row at padding_idx is not zero."""
    for parameter in subject.parameters:
        row = parameter.padding
        if row is None or not parameter.ndim or not subject.sample(parameter).finite:
            continue
        values = parameter.values()
        if -values.shape[0] <= row < values.shape[0] and bool(torch.count_nonzero(values[row])):
            largest = float(values[row].abs().max())
            yield found(
                "INI107",
                parameter.name,
                f"the padding row {row} is not zero",
                f"largest |w| {largest:.3g}",
                "zeros",
                f"with torch.no_grad(): weight[{row}].fill_(0), after whatever drew the table",
            )


def _is_rubbish(sample: Sample) -> bool:
    return sample.largest > _HUGE or 0.0 < sample.largest < _TINY


def _has_addresses(values: Tensor) -> bool:
    """Tell whether the first numbers are those that an allocator's addresses make: a few of them subnormal.

    Freed memory that is handed out again starts with them; the rest holds whatever was there, which may look drawn.
    """
    if values.dtype != torch.float32:
        return False
    first = values.detach().flatten()[:_START].abs()
    subnormal = int(((first > 0) & (first < torch.finfo(values.dtype).tiny)).sum())
    return 0 < subnormal <= _START // 4 and first.numel() == _START


def _buffers(subject: Subject) -> Iterator[tuple[str, Tensor]]:
    model = subject.reading.model
    parallel = is_parallel(model)
    for path, buffer in model.named_buffers():
        if not buffer.is_complex() and buffer.dtype != torch.bool and buffer.numel() and not buffer.is_meta:
            yield canonical_name(path, parallel=parallel), buffer.detach()


def _impossible(name: str, buffer: Tensor) -> tuple[str, str] | None:
    """Return what was found and what is possible for buffers whose names say what they hold."""
    last = name.rpartition(".")[2]
    low, high = float(buffer.min()), float(buffer.max())
    if not buffer.is_floating_point():
        if low == high and buffer.numel() > 1 and _INDEX.search(last):
            return f"{low:g} everywhere", "indices that differ from place to place"
        return None
    if last == "running_var" and (low < 0.0 or high == 0.0):
        return f"variances of {low:.3g} to {high:.3g}", "variances above 0, at first of 1"
    if _FREQUENCIES.search(last) and buffer.dim() == 1 and buffer.numel() > 1:
        if low == high == 0.0:
            return "frequencies of zero", "frequencies that differ"
        if last.endswith("inv_freq") and not (0.0 < high <= 1.0 and low > 0.0):
            return f"frequencies of {low:.3g} to {high:.3g}", "inverse frequencies, from 1 down, all above 0"
    if last in {"running_var", "running_mean"} and max(abs(low), abs(high)) > _HUGE:
        return f"{low:.3g} to {high:.3g}", f"sizes below {_HUGE:g}"
    return None


def _counted(values: Tensor) -> str:
    nan = int(torch.isnan(values).sum())
    infinite = int(torch.isinf(values).sum())
    told = [f"{count:,} {word}" for count, word in ((nan, "NaN"), (infinite, "infinite")) if count]
    return f"{' and '.join(told)} of {values.numel():,} values"
