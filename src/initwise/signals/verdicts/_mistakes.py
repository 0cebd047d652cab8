"""Common mistakes, each with the factor by which it makes a standard deviation wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from initwise.signals.verdicts._weights import Weight

_CLOSE = 0.03
_ERRORS = 3.0
_SQUARES = (1, 2)  # of the gains of linear layers and ReLU


def explained(weight: Weight, wanted: float | None, *, writers: int = 0, meant: str = "") -> str:
    """Return which mistake makes `wanted` the std that was found, in words; "" for none.

    Args:
        wanted: the standard deviation as it should be.
        writers: how many branches are added to the stream that this weight writes into; 0 for none or unknown.
        meant: "fan_in" or "fan_out" where the law divides by it; "" for both and unknown.
    """
    if not wanted or not weight.std:
        return ""
    if weight.role == "embedding":  # a lookup has no sum to scale for; where it is at fault, it is an output layer too
        weight = replace(weight, fan_in=weight.fan_out, fan_out=None)
    found = [
        (abs(math.log(weight.std / (wanted * factor))), words)
        for factor, words in _mistakes(weight, wanted, writers, meant)
        if factor > 0 and abs(math.log(factor)) > 0.1
    ]
    found = [each for each in found if each[0] <= _limit(weight)]
    return min(found)[1] if found else textbook(weight)


def is_telling(weight: Weight, wanted: float, *, bounds: bool = True, meant: str = "") -> bool:
    """Tell whether other fans, or a bound for a std, make `wanted` the std that was found; few have them by design."""
    factors = [factor for factor, _ in _of_fans(weight, meant) if factor != 1]
    factors += [math.sqrt(3.0), 1 / math.sqrt(3.0)] if bounds else []
    return any(abs(math.log(weight.std / (wanted * factor))) <= _limit(weight) for factor in factors)


def textbook(weight: Weight) -> str:
    """Return which law of a textbook gives the std that was found, with a fan that is not the layer's; "" for none."""
    shape = "x".join(map(str, weight.shape))
    wrong = [
        (weight.fan_out, "fan_out"),
        (weight.torch_in, f"what torch.nn.init counts as fan_in on the shape {shape}"),
        (weight.torch_out, f"what torch.nn.init counts as fan_out on the shape {shape}"),
    ]
    for number, words in wrong:
        if not number or number == weight.fan_in:
            continue
        for square in _SQUARES:
            if abs(math.log(weight.std / math.sqrt(square / number))) <= _limit(weight):
                return f"it is sqrt({square} / {number:g}), and {number:g} is {words}"
    return ""


def _limit(weight: Weight) -> float:
    return max(_CLOSE, _ERRORS * weight.error)


def _mistakes(weight: Weight, wanted: float, writers: int, meant: str) -> Iterator[tuple[float, str]]:
    yield from _of_fans(weight, meant)
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


def _of_fans(weight: Weight, meant: str) -> Iterator[tuple[float, str]]:
    true = {"fan_in": weight.fan_in, "fan_out": weight.fan_out}
    counted = {"fan_in": weight.torch_in, "fan_out": weight.torch_out}
    shape = "x".join(map(str, weight.shape))
    for right in [meant] if meant in true else list(true):
        other = "fan_out" if right == "fan_in" else "fan_in"
        asked, mistaken = true[right], true[other]
        if not asked or not mistaken:
            continue
        words = f"{other} ({mistaken:g}) was counted where {right} ({asked:g}) is meant"
        yield math.sqrt(asked / mistaken), words
        for side, number in counted.items():
            if number and number not in {asked, mistaken}:
                words = f"torch.nn.init counts {side} {number:g} on the shape {shape}, where {right} is {asked:g}"
                yield math.sqrt(asked / number), words
