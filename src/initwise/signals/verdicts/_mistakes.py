"""Common mistakes, each with the factor by which it makes a standard deviation wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from initwise.signals.verdicts._weights import Weight

_CLOSE = 0.03
_ERRORS = 3.0


def explained(weight: Weight, wanted: float | None, *, writers: int = 0) -> str:
    """Return which mistake makes `wanted` the std that was found, in words; "" for none.

    Args:
        wanted: the standard deviation as it should be.
        writers: how many branches are added to the stream that this weight writes into; 0 for none or unknown.
    """
    if not wanted or not weight.std:
        return ""
    if weight.role == "embedding":  # a lookup has no sum to scale for; where it is at fault, it is an output layer too
        weight = replace(weight, fan_in=weight.fan_out, fan_out=None)
    found = [
        (abs(math.log(weight.std / (wanted * factor))), words)
        for factor, words in _mistakes(weight, wanted, writers)
        if factor > 0 and abs(math.log(factor)) > 0.1
    ]
    best = min(found, default=None)
    limit = max(_CLOSE, _ERRORS * weight.error)
    return best[1] if best is not None and best[0] <= limit else ""


def is_telling(weight: Weight, wanted: float, *, bounds: bool = True) -> bool:
    """Tell whether other fans, or a bound for a std, make `wanted` the std that was found; few have them by design."""
    limit = max(_CLOSE, _ERRORS * weight.error)
    factors = [factor for factor, _ in _of_fans(weight) if factor != 1]
    factors += [math.sqrt(3.0), 1 / math.sqrt(3.0)] if bounds else []
    return any(abs(math.log(weight.std / (wanted * factor))) <= limit for factor in factors)


def _mistakes(weight: Weight, wanted: float, writers: int) -> Iterator[tuple[float, str]]:
    yield from _of_fans(weight)
    yield math.sqrt(0.5), "the gain sqrt(2) of a ReLU is missing"
    yield math.sqrt(2.0), "the gain sqrt(2) was counted twice, or no ReLU follows"
    yield 1.0 / math.sqrt(wanted), "the variance was given where the std is asked for"
    yield wanted, "the variance was taken as the std"
    yield 1.0 / math.sqrt(3.0), "the std was taken as the bound of a uniform law"
    yield math.sqrt(3.0), "the bound of a uniform law was taken as the std"
    if writers > 1:
        yield math.sqrt(writers), f"1 / sqrt({writers}) for {writers} residual branches is missing"
    for power in (100.0, 10.0, 0.1, 0.01):
        yield power, f"a factor of {power:g}"
    if weight.fan_in and wanted * weight.fan_in:
        yield 1.0 / (wanted * weight.fan_in), "1 / fan_in was taken as the std, where it is the variance"


def _of_fans(weight: Weight) -> Iterator[tuple[float, str]]:
    true_in, true_out = weight.fan_in, weight.fan_out
    if true_in and true_out:
        yield math.sqrt(true_in / true_out), f"fan_out ({true_out:g}) was counted where fan_in ({true_in:g}) is meant"
        yield math.sqrt(true_out / true_in), f"fan_in ({true_in:g}) was counted where fan_out ({true_out:g}) is meant"
    if not (true_in and weight.torch_in and weight.torch_out):
        return
    shape = "x".join(map(str, weight.shape))
    for name, counted in (("fan_in", weight.torch_in), ("fan_out", weight.torch_out)):
        if counted not in {true_in, true_out}:
            words = f"torch.nn.init counts {name} {counted:g} on the shape {shape}, where fan_in is {true_in:g}"
            yield math.sqrt(true_in / counted), words
