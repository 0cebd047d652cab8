"""The operations on the curves, the paths through them, the bands, and who is to blame."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from initwise.pages._content import Content
from initwise.signals import SignalRow, Signals, Verdict

Direction = Literal["forward", "backward"]
DIRECTIONS: tuple[Direction, Direction] = ("forward", "backward")
_PATHS = 6  # that are drawn; the longest


@dataclass(frozen=True, slots=True)
class Point:
    """One operation: what takes a parameter, or lies on a path.

    Attributes:
        place: in the order of execution, from 0.
        row: of the signals that set the order.
        forward, backward: E[x^2] and E[g^2], a number for each series; None where unknown.
        blamed: a verdict names it as the culprit.
    """

    place: int
    row: SignalRow
    forward: tuple[float | None, ...]
    backward: tuple[float | None, ...]
    blamed: bool = False

    def level(self, direction: Direction) -> tuple[float | None, ...]:
        """Return the numbers of one direction."""
        return self.forward if direction == "forward" else self.backward


@dataclass(frozen=True, slots=True)
class Curves:
    """All curves of a page.

    Attributes:
        series: what each is called.
        points: the operations.
        paths: of each path its places, the longest path first.
        bands: by direction, the corners (place, low, high) between which the longest path should stay.
        blocks: by place, the block of the longest path that ends there.
    """

    series: tuple[str, ...] = ()
    points: tuple[Point, ...] = ()
    paths: tuple[tuple[int, ...], ...] = ()
    bands: Mapping[Direction, tuple[tuple[int, float, float], ...]] | None = None
    blocks: Mapping[int, str] | None = None


def named(content: Content) -> list[tuple[str, Signals]]:
    """Return the signals that there are, each with what its curve is called."""
    other = f"predicted, {content.other_name}"
    pairs = [("predicted", content.predicted), ("measured", content.measured), (other, content.other_predicted)]
    return [(name, signals) for name, signals in pairs if signals is not None]


def curves(content: Content) -> Curves:
    """Return the curves; the measured signals set the order where there are any."""
    main = content.signals
    if main is None:
        return Curves()
    points = tuple(_points(content, main))
    places = {point.row.index: point.place for point in points}
    longest = {direction: _longest(main, direction) for direction in DIRECTIONS}
    bands = {side: tuple(_corners(each, points, places)) for side, each in longest.items() if each is not None}
    ahead = longest["forward"]
    steps = ahead.steps if ahead is not None else ()
    return Curves(
        tuple(name for name, _ in named(content)),
        points,
        _paths(main, places),
        {side: corners for side, corners in bands.items() if len(corners) > 1},
        {places[step.rows[1]]: step.name for step in steps if step.rows[1] in places and step.growth is not None},
    )


def _points(content: Content, main: Signals) -> Iterator[Point]:
    on_path = {row for verdict in main.verdicts for row in verdict.rows}
    blamed = {verdict.culprit.row for verdict in main.verdicts if verdict.culprit is not None}
    shown = [each for each in main.numbered.items() if each[1].parameters or each[1].index in on_path | blamed]
    for place, (key, row) in enumerate(shown):
        same = [signals.numbered.get(key) for _, signals in named(content)]
        forward = tuple(None if each is None else each.second_moment for each in same)
        backward = tuple(None if each is None else each.grad_second_moment for each in same)
        yield Point(place, row, forward, backward, row.index in blamed)


def _paths(main: Signals, places: Mapping[int, int]) -> tuple[tuple[int, ...], ...]:
    found = {tuple(places[row] for row in verdict.rows if row in places) for verdict in main.verdicts}
    return tuple(sorted(found, key=lambda path: (-len(path), path))[:_PATHS])


def _longest(main: Signals, direction: Direction) -> Verdict | None:
    verdicts = [each for each in main.verdicts if each.direction == direction and _known(each)]
    return max(verdicts, key=lambda each: len(_known(each)), default=None)


def _known(verdict: Verdict) -> list[int]:
    """Return the places of the steps whose growth is known."""
    return [place for place, step in enumerate(verdict.steps) if step.growth is not None]


def _corners(
    verdict: Verdict, points: tuple[Point, ...], places: Mapping[int, int]
) -> Iterator[tuple[int, float, float]]:
    """Yield the corners: both levels are that of the signal where its first block begins, and then they part."""
    known = _known(verdict)
    ends = [verdict.steps[place].rows[1] for place in known]
    starts = [verdict.steps[place - 1].rows[1] if place else verdict.rows[0] for place in known]
    forward = verdict.direction == "forward"
    rows = [starts[0], *ends] if forward else [ends[-1], *starts[::-1]]
    if any(row not in places for row in rows):
        return
    level = next((each for each in points[places[rows[0]]].level(verdict.direction)[::-1] if each), None)
    if not level or not math.isfinite(level):
        return
    for count, row in sorted(enumerate(rows), key=lambda each: places[each[1]]):
        powers = [math.log10(level) + count * math.log10(edge) for edge in verdict.band]
        yield places[row], 10 ** max(powers[0], -300.0), 10 ** min(powers[1], 300.0)
