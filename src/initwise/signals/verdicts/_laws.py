"""The laws that a model's matrices follow among themselves, found from their scales; and those that follow none."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from initwise.signals.verdicts._weights import MATRICES, Weight

_FEWEST = 3  # that make a law
_AGREE, _ERRORS = 0.03, 4.0
_VALUES = 64
PLAIN = ("std", "fan_in", "fan_out", "fans", "torch_in", "torch_out", "torch_fans")
_SCHEMES = ("fan_in", "usual", *PLAIN)  # of equal ones the first


@dataclass(frozen=True, slots=True)
class HouseLaw:
    """std = constant / sqrt(what a scheme divides by), as several weights of a model have it.

    The scheme "usual" divides by what makes it a constant times the std that `auto` would give.
    """

    scheme: str
    constant: float
    names: frozenset[str]

    def std(self, weight: Weight) -> float | None:
        """Return what the law gives for a weight; None where its fans are unknown."""
        root = divisor(weight, self.scheme)
        return self.constant / math.sqrt(root) if root else None


def divisor(weight: Weight, scheme: str) -> float | None:
    """Return what a scheme divides the variance by."""
    true, bare = (weight.fan_in, weight.fan_out), (weight.torch_in, weight.torch_out)
    fan_in, fan_out = bare if scheme.startswith("torch") else true
    if scheme == "std":
        return 1.0
    if scheme == "usual":
        return weight.usual**-2 if weight.usual else None
    if fan_in is None or fan_out is None:
        return None
    return {"in": fan_in, "out": fan_out}.get(scheme.rpartition("_")[2], fan_in + fan_out)


def matrices(weights: Iterable[Weight]) -> list[Weight]:
    """Return the weights that laws are looked for in: matrices with values, that are not zero."""
    return [
        each
        for each in weights
        if each.role in MATRICES and each.std > 0 and (each.count == 0 or each.count >= _VALUES)
    ]


def house_laws(members: Sequence[Weight], schemes: Sequence[str] = _SCHEMES) -> tuple[HouseLaw, ...]:
    """Return the laws that at least three of the weights follow each, the largest first."""
    left, found = {each.name: each for each in members}, []
    while len(left) >= _FEWEST:
        law = max((_largest(scheme, list(left.values())) for scheme in schemes), key=lambda each: len(each.names))
        if len(law.names) < _FEWEST:
            break
        found.append(law)
        for name in law.names:
            del left[name]
    return tuple(found)


def _largest(scheme: str, members: Sequence[Weight]) -> HouseLaw:
    """Return the constant that most members share under one scheme."""
    levels = sorted(
        (math.log(each.std * math.sqrt(root)), tolerance(each), each.name)
        for each in members
        if (root := divisor(each, scheme))
    )
    best: tuple[int, int] = (0, 0)
    start = 0
    for stop in range(len(levels)):
        while levels[stop][0] - levels[start][0] > levels[start][1] + levels[stop][1]:
            start += 1
        if stop + 1 - start > best[1] - best[0]:
            best = start, stop + 1
    held = levels[best[0] : best[1]]
    if not held:
        return HouseLaw(scheme, 0.0, frozenset())
    return HouseLaw(scheme, math.exp(held[len(held) // 2][0]), frozenset(name for _, _, name in held))


def tolerance(weight: Weight) -> float:
    """Return how far the log of a std may be off by chance."""
    return max(_AGREE, _ERRORS * weight.error)


def siblings(members: Iterable[Weight]) -> Mapping[str, list[Weight]]:
    """Return the weights by their names without the numbers of blocks."""
    found: defaultdict[str, list[Weight]] = defaultdict(list)
    for each in members:
        found[place(each.name)].append(each)
    return found


def cousins(members: Iterable[Weight]) -> Mapping[str, list[Weight]]:
    """Return the weights by their names without all numbers but the last: `blocks.#.2.weight`."""
    found: defaultdict[str, list[Weight]] = defaultdict(list)
    for each in members:
        found[re.sub(r"\d+(?=.*\.\d+\.)", "#", each.name)].append(each)
    return found


def kin(members: Iterable[Weight]) -> Mapping[str, list[Weight]]:
    """Return the weights by the last parts of their names without all numbers: of encoder and decoder together."""
    found: defaultdict[str, list[Weight]] = defaultdict(list)
    for each in members:
        found[".".join(re.sub(r"\d+", "#", each.name).split(".")[-3:])].append(each)
    return found


def place(name: str) -> str:
    """Return a name without the numbers of blocks.

    >>> place("h.3.mlp.fc2.weight")
    'h.#.mlp.fc2.weight'
    """
    return re.sub(r"(^|(?<=\.))\d+(?=\.)", "#", name)
