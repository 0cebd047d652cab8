"""Weights drawn with the fans that torch.nn.init counts on the shape, where the operation has others."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from initwise.errors import FanError
from initwise.fans import fans, torch_fans
from initwise.findings import Finding, found
from initwise.lints._subject import Subject
from initwise.model import Parameter

_GAINS = {"He": math.sqrt(2.0), "LeCun": 1.0}
_DEFAULT = {
    "torch's default": math.sqrt(1 / 3)
}  # where a layer of torch has its own reasons, it is not held against it
_MATCH = 0.01
_ERRORS = 4.0
_FACTOR = 2.5
_FEWEST = 1024
_FEWEST_DEPTHWISE = 256  # they have few values, and the fan_out of all channels is far off


_ROUND = (0.01, 0.02, 0.05, 0.1)  # numbers that are written down, and may fit a scheme by chance


class _Scheme(NamedTuple):
    words: str
    std: float  # as drawn, with the fans of the shape
    meant: float  # with the fans of the operation


def wrong_fans(subject: Subject) -> Iterator[Finding]:
    """STA206: the std is exactly that of a scheme with the wrong fans, and far off with the true ones."""
    for parameter in subject.weights:
        usage, sample = parameter.usage, subject.sample(parameter)
        if usage is None or usage.source != "trace" or usage.norm_follows or usage.output:
            continue
        if not _is_plain(parameter):
            continue
        depthwise = parameter.axes is not None and parameter.axes.groups > 1
        if not sample.finite or sample.constant or sample.count < (_FEWEST_DEPTHWISE if depthwise else _FEWEST):
            continue
        tolerance = max(_MATCH, _ERRORS * sample.error)
        if any(abs(sample.std / number - 1) < tolerance for number in _ROUND):
            continue
        for scheme in _schemes(parameter):
            off = scheme.std / scheme.meant
            if abs(sample.std / scheme.std - 1) < tolerance and not 1 / _FACTOR < off < _FACTOR:
                yield _finding(parameter, sample.std, scheme)
                break


def _is_plain(parameter: Parameter) -> bool:
    """Tell whether one pair of fans holds for all of it: no packed blocks, no groups but those of depthwise kernels."""
    groups = 1 if parameter.axes is None else parameter.axes.groups
    return parameter.blocks is None and groups in {1, parameter.shape[0]}


def _schemes(parameter: Parameter) -> Iterator[_Scheme]:
    axes = parameter.axes
    try:
        counted = torch_fans(parameter.shape)
        true = fans(parameter.shape, axes) if axes is not None else counted
    except (FanError, ValueError):
        return
    stacked = axes is not None and bool(axes.batch)
    gains = _GAINS | (_DEFAULT if stacked else {})
    for side in ("fan_in", "fan_out"):
        wrong, right = getattr(counted, side), getattr(true, side)
        for name, gain in gains.items():
            yield _Scheme(f"{name} with {side} {wrong:g}", gain / math.sqrt(wrong), gain / math.sqrt(right))
    both = counted.fan_in + counted.fan_out, true.fan_in + true.fan_out
    yield _Scheme(f"Xavier with fans that add to {both[0]:g}", math.sqrt(2 / both[0]), math.sqrt(2 / both[1]))


def _finding(parameter: Parameter, std: float, scheme: _Scheme) -> Finding:
    return found(
        "STA206",
        parameter.name,
        f"it was drawn by {scheme.words}, which torch.nn.init counts on the shape {parameter.shape}; in this"
        f" {parameter.operation} that is {scheme.std / scheme.meant:.3g} times what the scheme means",
        f"std {std:.4g}",
        f"std {scheme.meant:.4g}",
        "draw it with the true fans: an initwise plan counts them from the operation, or declare axes=iw.Axes(...)",
    )
