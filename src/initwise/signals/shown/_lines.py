"""What stands on one line: a row of signals, or the same row of repeated blocks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from initwise.reporting import common_name
from initwise.signals._row import SignalRow

if TYPE_CHECKING:
    from initwise.signals._signals import Signals

MOST = 40  # lines; of more, those of repeated blocks share one
Key = tuple[str, str, int, int]
Rows = Literal["folded", "layers", "all"]
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


def lines(several: Sequence[Signals], rows: Rows) -> list[Line]:
    """Return the lines that show signals of one model, in the order in which the first of them ran."""
    found: dict[Key, tuple[SignalRow, str]] = {}
    for signals in several:
        for key, row in signals.numbered.items():
            if (rows == "all" or row.parameters) and key not in found:
                found[key] = row, _weight(row, several)
    groups: dict[tuple[object, ...], list[Key]] = {}
    fold = rows == "folded" and len(found) > MOST
    for key, (_, weight) in found.items():
        alike = (_BLOCK.sub("0", key[0]), key[1], weight, key[3]) if fold else key
        groups.setdefault(alike, []).append(key)
    return [Line(_name(keys, several[0].model), keys[0][1], found[keys[0]][1], tuple(keys)) for keys in groups.values()]


def _name(keys: Sequence[Key], model: str) -> str:
    modules = list(dict.fromkeys(key[0] for key in keys))
    name = common_name(modules) or model
    calls = sorted({key[2] for key in keys})
    if len(calls) > 1:
        return f"{name} ({len(keys) // len(modules)} calls)"
    return f"{name} (call {calls[0] + 1})" if calls[0] else name


def _weight(row: SignalRow, several: Sequence[Signals]) -> str:
    """Return the law of the row's weight, after its name where the name does not follow from the module's."""
    if not row.parameters:
        return ""
    named = (each for each in row.parameters if "weight" in each.rpartition(".")[2])
    name = next(named, row.parameters[0])
    laws = [signals.parameters[name].law for signals in several if name in signals.parameters]
    law = next(filter(None, laws), "")
    own = name.removeprefix(f"{row.module}.") if row.module else name
    if own == "weight":
        return law or own
    return f"{own}: {law}" if law else own
