"""A coordinate check in words: the table of slopes, and one sentence about all of them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from initwise.findings import Column, Table
from initwise.reporting import common_name, unnumbered
from initwise.signals.coordinates._row import Coordinate, Standing

if TYPE_CHECKING:
    from initwise.signals.coordinates._result import CoordinateCheck

_MOST = 24  # activations; of more, those whose names differ only in numbers share a line
_ORDER: tuple[Standing, ...] = ("diverged", "grows", "shrinks", "undecided", "stable", "zero")
_MARKS = {"grows": "!", "shrinks": "!", "undecided": "?"}
_SYMBOLS = {"second_moment": "x^2", "update": "dx^2"}


def sentence(check: CoordinateCheck) -> str:
    """Return what a check says: that all is well, or what goes with the size, and how."""
    wrong = [row for row in check.rows if not row.allowed]
    over = f"over {check.along}s {check.sizes[0]} to {check.sizes[-1]}"
    if not wrong and check.diverged is None:
        return f"{check.recipe} holds: {_praise(check)} {over}".removeprefix(" ")
    words = {"diverged": "diverged", "undecided": "undecided"}
    parts = []
    if not any(row.verdict == "diverged" for row in wrong) and check.diverged is not None:
        lost = check.diverged
        parts.append(f"diverged: the loss is {lost.value} at {check.along} {lost.size}, seed {lost.seed}")
    for verdict in _ORDER:
        rows = [row for row in wrong if row.verdict == verdict]
        if rows:
            parts.append(f"{words.get(verdict, f'{verdict} with {check.along}')}: {_culprits(rows)}")
    return "; ".join(parts)


def _praise(check: CoordinateCheck) -> str:
    count = len({row.key for row in check.rows})
    several = f"{count} activation{'s' if count != 1 else ''}"
    if check.statistics == ("update",):
        return f"{several} change{'s' if count == 1 else ''} alike"
    shrinking = len({row.key for row in check.rows if row.verdict not in ("stable", "zero")})
    steady = f"{several} {'are' if count != 1 else 'is'} stable"
    changes = ", and so are their changes," if "update" in check.statistics else ""
    return f"{steady}{f' (of them {shrinking} shrink where they may)' if shrinking else ''}{changes}"


def _culprits(rows: list[Coordinate]) -> str:
    groups = _grouped(rows)
    groups.sort(key=lambda group: -max(abs(row.slope or 0.0) for row in group))
    more = f" and {len(groups) - 3} more" if len(groups) > 3 else ""
    return ", ".join(map(_culprit, groups[:3])) + more


def _culprit(group: list[Coordinate]) -> str:
    worst = max(group, key=lambda row: abs(row.slope or 0.0))
    name = common_name(sorted({row.name for row in group}))
    found = worst.why if worst.slope is None else f"slope {worst.slope:.2f} of {_SYMBOLS[worst.statistic]}"
    told = f"{found}, step {worst.step}"
    if worst.verdict != "undecided" or worst.slope is None:
        return f"{name} ({told})"
    needed = [row.seeds_needed for row in group]
    known = [each for each in needed if each is not None]
    hope = f"{max(known)} seeds would decide" if len(known) == len(needed) else "on the edge of the tolerance"
    return f"{name} ({told}; {hope})"


def _grouped(rows: list[Coordinate]) -> list[list[Coordinate]]:
    found: defaultdict[str, list[Coordinate]] = defaultdict(list)
    for row in rows:
        found[unnumbered(row.name)].append(row)
    return list(found.values())


def table(check: CoordinateCheck) -> Table:
    """Return one line for each activation and statistic, with the slope at each step."""
    lines: defaultdict[tuple[str, str], list[Coordinate]] = defaultdict(list)
    crowded = len({row.key for row in check.rows}) > _MOST
    for row in check.rows:
        lines[unnumbered(row.name) if crowded else row.name, row.statistic].append(row)
    steps = range(check.steps + 1)
    return Table(
        f"Slopes of log E[x^2] against log {check.along}",
        (
            Column("activation"),
            Column("of"),
            *(Column(f"step {step}" if step == 0 else str(step), "right") for step in steps),
            Column("verdict"),
        ),
        tuple(_line(rows, list(steps)) for rows in lines.values()),
        (check.message, _how(check), *check.notes),
    )


def _line(rows: list[Coordinate], steps: list[int]) -> tuple[str, ...]:
    name = common_name(sorted({row.name for row in rows}))
    cells = [_cell([row for row in rows if row.step == step]) for step in steps]
    return name, _SYMBOLS[rows[0].statistic], *cells, _verdict(rows)


def _cell(rows: list[Coordinate]) -> str:
    """Return the steepest slope of the worst verdict, with a mark where it is not as it should be."""
    if not rows:
        return ""
    worst = min(rows, key=lambda row: (row.allowed, _ORDER.index(row.verdict), -abs(row.slope or 0.0)))
    if worst.verdict in ("diverged", "zero"):
        return "nan" if worst.verdict == "diverged" else "zero"
    number = "" if worst.slope is None else f"{worst.slope:+.2f}"
    return number + ("" if worst.allowed else _MARKS.get(worst.verdict, ""))


def _verdict(rows: list[Coordinate]) -> str:
    wrong = {row.verdict for row in rows if not row.allowed}
    if wrong:
        return next(each for each in _ORDER if each in wrong)
    if any(row.verdict in ("shrinks", "undecided") for row in rows):
        return "may shrink"
    return "zero" if all(row.verdict == "zero" for row in rows) else "stable"


def _how(check: CoordinateCheck) -> str:
    sizes = ", ".join(map(str, check.sizes))
    how = f"{check.along}s {sizes}; {check.seeds} seeds, {check.confidence:.0%} intervals"
    return f"{how} within ±{check.tolerance:g} are stable; ! outside, ? across the edge"
