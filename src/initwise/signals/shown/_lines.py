"""What stands on one line: a row of signals, or the same row of repeated blocks."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from initwise.reporting import common_name
from initwise.signals._row import SignalRow

if TYPE_CHECKING:
    from initwise.signals._signals import Signals

MOST = 40  # lines; of more, those of repeated blocks share one
Key = tuple[str, str, int, int]
Rows = Literal["folded", "layers", "all"]
_NEAR = 1.5  # how far E[w^2] of weights on one line may differ
_NUMBER = re.compile(r"\d[\d.]*(e[-+]?\d+)?")
_BLOCK = re.compile(r"(?<![^.])\d+(?![^.])")  # a number that is a whole part of a name, as in h.0.attn


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table.

    Attributes:
        name: of the module, or of all whose names differ only in the numbers of their blocks.
        operation: what it does.
        weight: the law of its weight, or the weight's name.
        keys: the rows it is about, as in `Signals.numbered`, in the order of execution.
    """

    name: str
    operation: str
    weight: str
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """A row that is shown: its weight in words, and E[w^2] of that weight."""

    row: SignalRow
    weight: str
    square: float | None


def lines(several: Sequence[Signals], rows: Rows) -> list[Line]:
    """Return the lines that show signals of one model, in the order in which the first of them ran."""
    found: dict[Key, _Found] = {}
    for signals in several:
        for key, row in signals.numbered.items():
            if (rows == "all" or row.parameters) and key not in found:
                found[key] = _found(row, several)
    groups = _folded(found) if rows == "folded" and len(found) > MOST else [[key] for key in found]
    return [
        Line(_name(keys, several[0].model), keys[0][1], _weights([found[key].weight for key in keys]), tuple(keys))
        for keys in groups
    ]


def _folded(found: Mapping[Key, _Found]) -> list[list[Key]]:
    """Return the rows of repeated blocks together, unless their weights follow laws of another kind or size."""
    groups: list[list[Key]] = []
    alike: defaultdict[tuple[object, ...], list[list[Key]]] = defaultdict(list)
    blocks = _blocks(found)
    for key, each in found.items():
        kind = (blocks[key[0]], *key[1::2], each.row.shape, _NUMBER.sub("0", each.weight))
        group = next((keys for keys in alike[kind] if _is_near(found[keys[0]].square, each.square)), None)
        if group is None:
            group = []
            alike[kind].append(group)
            groups.append(group)
        group.append(key)
    return groups


def _blocks(found: Mapping[Key, _Found]) -> dict[str, str]:
    """Return for each module its name without the number of its block.

    Of several numbers in a name, that of the block is the one that takes the most values in rows of the same shape:
    of encoder.block.5.layer.1.norm the first.
    """
    values: defaultdict[tuple[object, ...], list[set[str]]] = defaultdict(list)
    for key, each in found.items():
        seen = values[_BLOCK.sub("0", key[0]), each.row.shape]
        for place, number in enumerate(_BLOCK.findall(key[0])):
            seen += [set()] if place == len(seen) else []
            seen[place].add(number)
    named = {}
    for key, each in found.items():
        counts = [len(numbers) for numbers in values[_BLOCK.sub("0", key[0]), each.row.shape]]
        named[key[0]] = _without(key[0], counts.index(max(counts))) if counts else key[0]
    return named


def _without(name: str, place: int) -> str:
    numbers = iter(range(len(name)))
    return _BLOCK.sub(lambda match: "#" if next(numbers) == place else match[0], name)


def _is_near(first: float | None, second: float | None) -> bool:
    if not first or not second:
        return first == second
    return max(first, second) <= _NEAR * min(first, second)


def _name(keys: Sequence[Key], model: str) -> str:
    modules = list(dict.fromkeys(key[0] for key in keys))
    name = common_name(modules) or model
    calls = sorted({key[2] for key in keys})
    if len(calls) > 1:
        return f"{name} ({len(keys) // len(modules)} calls)"
    return f"{name} (call {calls[0] + 1})" if calls[0] else name


def _weights(words: Sequence[str]) -> str:
    return words[0] if len(set(words)) == 1 else f"{words[0]} .. {words[-1]}"


def _found(row: SignalRow, several: Sequence[Signals]) -> _Found:
    """Return a row with the law of its weight, after its name where the name does not follow from the module's."""
    if not row.parameters:
        return _Found(row, "", None)
    named = (each for each in row.parameters if "weight" in each.rpartition(".")[2])
    name = next(named, row.parameters[0])
    known = [signals.parameters[name] for signals in several if name in signals.parameters]
    law = next((each.law for each in known if each.law), "")
    square = next((each.second_moment for each in known if each.second_moment is not None), None)
    own = name.removeprefix(f"{row.module}.") if row.module else name
    if own == "weight":
        return _Found(row, law or own, square)
    return _Found(row, f"{own}: {law}" if law else own, square)
