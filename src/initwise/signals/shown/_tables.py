"""Signals as tables: alone, with bars; or predicted beside measured, with their ratio."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from initwise.findings import Column, Table
from initwise.signals._row import SignalRow
from initwise.signals.shown._bars import Bars
from initwise.signals.shown._lines import Key, Line, Rows, lines
from initwise.signals.shown._numbers import number, ratio, span, worst
from initwise.signals.shown._sentences import labels

if TYPE_CHECKING:
    from initwise.signals._signals import Signals

Value = Callable[[SignalRow], float | None]
Drawn = Callable[[Bars, Sequence[float | None]], str]
_LEVELS: tuple[tuple[str, Value], ...] = (
    ("E[x^2]", lambda row: row.second_moment),
    ("E[g^2]", lambda row: row.grad_second_moment),
)
# Shown where some row knows it. Those that pass judgement on activations have rows of their own, with rows="all".
_OTHERS: tuple[tuple[str, Value], ...] = (
    ("correlation", lambda row: row.sample_correlation),
    ("of places", lambda row: row.token_correlation),
    ("dead", lambda row: row.dead),
    ("saturated", lambda row: row.saturated),
)
_LAST = (Column("weight", spare=True), Column("operation", spare=True))


def drawn(bars: Bars, values: Sequence[float | None]) -> str:
    """Return a bar for one value, steps for several."""
    return bars.bar(values[0]) if len(values) == 1 else bars.spark(values)


def alone(signals: Signals, rows: Rows, *, width: int = 8, plain: bool = False, draw: Drawn = drawn) -> Table:
    """Return the table of predicted or measured signals, a bar beside each level."""
    shown = lines([signals], rows)
    columns, cells, notes = [Column("layer")], [[line.name for line in shown]], []
    for name, value in _LEVELS:
        levels = [_values(signals, line.keys, value) for line in shown]
        bars = Bars.over((each for level in levels for each in level), width=width, plain=plain)
        columns += [Column(name, "right"), Column("")]
        cells += [[span(level) for level in levels], [draw(bars, level) for level in levels]]
        if bars.low > 0:
            notes.append(f"{name} {number(bars.low, 2)} to {number(bars.high, 2)}")
    columns += _LAST
    cells += [[line.weight for line in shown], [line.operation for line in shown]]
    for name, value in _OTHERS:
        known = [_values(signals, line.keys, value) for line in shown]
        if any(each is not None for level in known for each in level):
            columns.append(Column(name, "right", spare=True))
            cells.append([_mean(level) for level in known])
    scale = f"Bars are on a log scale: {', '.join(notes)}."
    blocks = " Steps are blocks, the first on the left." if any(len(line.keys) > 1 for line in shown) else ""
    return Table(_title(signals), tuple(columns), _rows(cells), (scale + blocks,) if notes else ())


def beside(first: Signals, second: Signals, rows: Rows) -> Table:
    """Return the levels of two passes beside each other; of repeated blocks the ratio farthest from one."""
    shown = lines([first, second], rows)
    names = labels(first, second)
    columns, cells = [Column("layer")], [[line.name for line in shown]]
    for name, value in _LEVELS:
        both = [(_values(first, line.keys, value), _values(second, line.keys, value)) for line in shown]
        columns += [Column(f"{name} {names[0]}", "right", spare=True), Column(f"{name} {names[1]}", "right")]
        columns.append(Column("ratio", "right"))
        cells += [[span(each) for each, _ in both], [span(each) for _, each in both]]
        cells.append([worst([ratio(*pair) for pair in zip(*each, strict=True)]) for each in both])
    columns += _LAST
    cells += [[line.weight for line in shown], [line.operation for line in shown]]
    title = f"Signals of {first.model}, {' and '.join(names)}, with {second.inputs}"
    return Table(title, tuple(columns), _rows(cells))


def of_parameters(signals: Signals) -> Table:
    """Return what each parameter meets in the backward pass; updates where they were measured."""
    optimizers = list(dict.fromkeys(name for each in signals.parameters.values() for name in each.update_ratios))
    columns = [Column("parameter"), Column("law"), Column("E[w^2]", "right"), Column("E[g^2]", "right")]
    columns += [Column(f"update / weight, {name}", "right") for name in optimizers]
    rows = [
        (
            name,
            each.law,
            number(each.second_moment),
            number(each.grad_second_moment),
            *(number(each.update_ratios.get(optimizer)) for optimizer in optimizers),
            each.why,
        )
        for name, each in signals.parameters.items()
    ]
    return Table("", (*columns, Column("unknown, since")), tuple(rows))


def shortened(table: Table) -> Table:
    """Return the table without the part that most names begin with, for a narrow terminal; a note says which."""
    heads = Counter(row[0].partition(".")[0] for row in table.rows if "." in row[0])
    part, count = heads.most_common(1)[0] if heads else ("", 0)
    if not part or part.isdigit() or count < 3 or count <= len(table.rows) / 2:
        return table
    rows = tuple((row[0].removeprefix(f"{part}."), *row[1:]) for row in table.rows)
    return replace(table, rows=rows, notes=(*table.notes, f"Names are shown without {part}."))


def agreement(first: Signals, second: Signals) -> list[str]:
    """Return for each level how far prediction and measurement agree over all layers, and where they differ most."""
    shown = lines([first, second], "layers")
    said = []
    for name, value in _LEVELS:
        ratios = [
            (each, line)
            for line in shown
            for each in [ratio(*(_values(signals, line.keys, value)[0] for signals in (first, second)))]
            if each is not None
        ]
        if ratios:
            said.append(_agreement(name, ratios))
    return said


def _agreement(name: str, ratios: Sequence[tuple[float, Line]]) -> str:
    def distance(each: tuple[float, Line]) -> float:
        return abs(math.log(each[0])) if 0 < each[0] < math.inf else math.inf

    within = [sum(distance(each) <= math.log(1 + share) for each in ratios) for share in (0.1, 0.25)]
    most, line = max(ratios, key=distance)
    told = f"{name}: {within[0]} of {len(ratios)} layers within 10 %, {within[1]} within 25 %"
    return f"{told}; farthest {most:.2f} at {line.name}"


def _values(signals: Signals, keys: Sequence[Key], value: Value) -> list[float | None]:
    found = (signals.numbered.get(key) for key in keys)
    return [None if row is None else value(row) for row in found]


def _mean(values: Sequence[float | None]) -> str:
    known = [each for each in values if each is not None]
    return f"{round(sum(known) / len(known), 2) + 0.0:.2f}" if known else ""  # no -0.00


def _rows(columns: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(zip(*columns, strict=True))


def _title(signals: Signals) -> str:
    return f"Signals of {signals.model}, {signals.kind}, with {signals.inputs}"
