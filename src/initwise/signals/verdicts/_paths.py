"""The paths from inputs to outputs, cut into blocks, and how the level changes from block to block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from initwise.model.graph._vocabulary import RECURRENT
from initwise.signals._verdict import Direction, Step
from initwise.signals.verdicts._flow import Flow
from initwise.signals.verdicts._wiring import QUIET

_DEEP = 2  # parts of a module's name
_ENTRIES = 4  # of one output


@dataclass(frozen=True, slots=True)
class Path:
    """One way from an input to an output.

    Attributes:
        words: what it is called, "transformer.wte -> lm_head".
        rows: in the order of execution.
        streamed: whether blocks add to it and norms take it: its scale does not matter, and it may grow a lot.
    """

    words: str
    rows: tuple[int, ...]
    streamed: bool


def paths(flow: Flow) -> list[Path]:
    """Return one path for each pair of an input that is used and an output."""
    found: dict[tuple[int, ...], Path] = {}
    for output in flow.last:
        trunk = flow.trunk(output)
        entries = [each for each in _entries(flow) if flow.depends(output, each)]
        for entry in dict.fromkeys([trunk[0], *entries][: 1 + _ENTRIES]):
            rows = tuple(trunk if entry in trunk else _leading(flow, entry, output))
            found.setdefault(rows, Path(_words(flow, rows), rows, _is_streamed(flow, rows)))
    return list(found.values())


def _entries(flow: Flow) -> list[int]:
    """Return the layers that take an input of the model, but for those that are only added to others."""
    first = [each for each in flow.layers if flow.main[each] < 0]
    return [each for each in first if not _is_added(flow, each)]


def _is_added(flow: Flow, entry: int) -> bool:
    """Tell whether a row meets another signal, in a sum or a product, before any norm or layer: as positions do."""
    ahead = list(flow.ahead(entry))
    return any(not flow.depends(flow.main[each], entry) for each in ahead[:1])


def _leading(flow: Flow, entry: int, output: int) -> list[int]:
    """Return a path from a row to an output: along what continues it, and where nothing does along what takes it."""
    rows, index = [entry], entry
    while index != output:
        users = [each for each in flow.users[index] if flow.depends(output, each)]
        index = next((each for each in users if flow.main[each] == index), users[0] if users else output)
        rows.append(index)
    return rows


def _words(flow: Flow, rows: Sequence[int]) -> str:
    names = [flow.rows[each].module or flow.rows[each].operation for each in (rows[0], rows[-1])]
    return " -> ".join(dict.fromkeys(names))


def _is_streamed(flow: Flow, rows: Sequence[int]) -> bool:
    return any(each in flow.joins for each in rows) and any(each in flow.norms for each in rows)


def steps(flow: Flow, path: Path, direction: Direction) -> tuple[Step, ...]:
    """Return the blocks of a path, with the factor of the level in each."""
    before: int | None = None
    found = []
    for name, rows in _blocks(flow, path):
        counts = any(each in flow.layers or each in flow.joins for each in rows) and flow.heads.isdisjoint(rows)
        counts = counts and not any(flow.rows[each].operation in RECURRENT for each in rows)
        end = _end(flow, rows)
        growth = _growth(flow, before, end, direction) if counts else None  # a head may be as small as it likes
        found.append(Step(name, (rows[0], rows[-1]), growth))
        before = end
    return tuple(found)


def _end(flow: Flow, rows: Sequence[int]) -> int:
    """Return the last row of a block that is no pooling: that divides gradients by design."""
    return next((each for each in reversed(rows) if flow.rows[each].operation not in QUIET), rows[-1])


def _blocks(flow: Flow, path: Path) -> list[tuple[str, list[int]]]:
    """Return the rows of a path by block; what runs between layers belongs to the one before it."""
    found: list[tuple[str, list[int]]] = []
    for index in path.rows:
        name, module = block_of(flow, index), flow.rows[index].module
        last = found[-1][0] if found else ""
        outside = len(flow.inside.get(last, ())) > 1 and not f"{module}.".startswith(f"{last}.")
        if not found or (name != last if name else outside):
            found.append((name or module, []))
        found[-1][1].append(index)
    return found


def _growth(flow: Flow, before: int | None, end: int, direction: Direction) -> float | None:
    if before is None or flow.is_normed(before):  # a norm takes the scale away at once
        return None
    if direction == "forward":
        first, last = flow.rows[before].second_moment, flow.rows[end].second_moment
    else:
        first, last = flow.rows[end].grad_second_moment, flow.rows[before].grad_second_moment
    if not first or not last or not math.isfinite(first) or not math.isfinite(last):
        return None
    return last / first


def block_of(flow: Flow, index: int) -> str:
    """Return the block that a row is part of: a numbered module with several layers, or else its own module."""
    module = flow.rows[index].module
    parts = module.split(".")
    for stop in range(len(parts), 0, -1):
        name = ".".join(parts[:stop])
        if parts[stop - 1][-1:].isdigit() and len(flow.inside.get(name, ())) > 1:
            return name
    if index in flow.joins and len(parts) < _DEEP:  # a sum that a loop over blocks does itself
        layers = flow.sources(flow.joins[index][1])
        return block_of(flow, layers[-1]) if layers else ""
    return module if index in flow.layers else ""
