"""The training as a picture without a script: the loss, the map of layers, and each quantity over steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from initwise.pages._drawn import Drawn
from initwise.pages._panel import COLOURS, LEFT, RIGHT, WIDTH, Panel, opening
from initwise.pages.training._content import Training
from initwise.pages.training._data import loss, opened, spread
from initwise.pages.training._grid import Grid, grids

_LOSS, _SMALL, _APART = 150, 120, 48
_NAMES, _ROW, _TALL = 190, 13, 560  # room for names, the height of a row, of all rows
_VIRIDIS = (
    "#440154",
    "#482475",
    "#414487",
    "#355f8d",
    "#2a788e",
    "#21918c",
    "#22a884",
    "#44bf70",
    "#7ad151",
    "#bddf26",
    "#fde725",
)
_ODD, _BROKEN = "#c9cdd3", "#b3261e"


def svg(training: Training, kind: str = "") -> str:
    """Return the picture. `kind` is its class, inside of a page."""
    found = grids(training)
    first = next((each for each in found if each.quantity.key == opened(training, found)), None)
    top = 16 if kind else 48
    parts = list(_Steps(loss(training), "loss over steps, dashed: alerts", top, _LOSS).parts())
    top += _LOSS + _APART
    if first is not None:
        tall = min(_ROW * len(first.names), _TALL)
        parts += _map(first, top, tall)
        top += tall + 2 * _APART
    for place, grid in enumerate(found):
        panel = _Half if place % 2 else _Steps
        parts += panel(
            spread(grid),
            grid.quantity.axis + ": least, middle, largest",
            top,
            _SMALL,
            right=None if place % 2 else WIDTH // 2 - 8,
        ).parts()
        top += (_SMALL + _APART) * (place % 2)
    top += (_SMALL + _APART) * (len(found) % 2)
    return "\n".join([*opening(training.title, top, kind), *parts, "</svg>"]) + "\n"


class _Steps(Panel):
    """A chart over steps, on a logarithmic axis from 1 on."""

    def __init__(self, drawn: Drawn, title: str, top: int, height: int, *, right: int | None = None) -> None:
        super().__init__(drawn, title, top, height)
        self.right = right or self.right

    def marks(self) -> Iterator[str]:
        rows = self.drawn.sets.get("spread") or self.drawn.sets["lines"]
        most = max([1, *(row["x"] for each in self.drawn.sets.values() for row in each)])

        def x(row: dict[str, Any]) -> float:
            return round(self.left + math.log1p(row["x"]) / math.log1p(most) * (self.right - self.left), 1)

        for row in self.drawn.sets.get("alerts", ()):
            line = f"M{x(row)} {self.top + self.room}V{self.top + self.height}"
            yield f'<path d="{line}" stroke="{_BROKEN}" stroke-dasharray="3 3"/>'
        if "spread" in self.drawn.sets:
            ends = [f"{x(row)} {self.y(row['low'])}" for row in rows]
            ends += [f"{x(row)} {self.y(row['high'])}" for row in reversed(rows)]
            yield f'<path fill="{COLOURS[7]}" opacity=".18" d="M{"L".join(ends)}z"/>'
        line = "L".join(f"{x(row)} {self.y(row['y'])}" for row in rows)
        yield f'<path class="line" stroke="{COLOURS[0]}" d="M{line}"/>'
        end = self.top + self.height + 15
        yield f'<text class="soft" x="{self.left}" y="{end}">0</text>'
        yield f'<text class="soft" x="{self.right}" y="{end}" text-anchor="end">step {most:,}</text>'


class _Half(_Steps):
    """A chart at the right of another one."""

    left = WIDTH // 2 + LEFT - 8


def _map(grid: Grid, top: int, tall: int) -> Iterator[str]:
    """Yield the map of layers: cells of like colour are one path, and runs of them one stroke."""
    wide, high = (WIDTH - RIGHT - _NAMES) / len(grid.steps), tall / len(grid.names)
    low, most = _range(grid)
    yield f'<text class="soft" x="{LEFT}" y="{top - 6}">{escape(grid.quantity.title)}, step by step</text>'
    strokes: dict[str, list[str]] = {}
    for place, row in enumerate(grid.rows):
        y = f"{top + (place + 0.5) * high:.1f}"
        for colour, start, end in _runs([_colour(value, low, most, share=grid.quantity.share) for value in row]):
            strokes.setdefault(colour, []).append(f"M{_NAMES + start * wide:.1f} {y}h{(end - start) * wide:.1f}")
    for colour, lines in strokes.items():
        yield f'<path fill="none" stroke="{colour}" stroke-width="{high:.2f}" d="{"".join(lines)}"/>'
    for place in range(0, len(grid.names), max(1, math.ceil(11 / high))):
        name = grid.names[place]
        name = name if len(name) <= 28 else f"…{name[-27:]}"
        yield f'<text x="{_NAMES - 6}" y="{top + (place + 0.5) * high + 4:.1f}" text-anchor="end">{escape(name)}</text>'
    yield from _below(grid, top + tall, wide, low, most)


def _below(grid: Grid, top: float, wide: float, low: float, most: float) -> Iterator[str]:
    """Yield the numbers of steps, and what the colours mean."""
    for place in range(0, len(grid.steps), max(1, math.ceil(44 / wide))):
        x = _NAMES + (place + 0.5) * wide
        yield f'<text class="soft" x="{x:.1f}" y="{top + 14:.1f}" text-anchor="middle">{grid.steps[place]:,}</text>'
    for place, colour in enumerate(_VIRIDIS):
        yield f'<rect x="{_NAMES + 14 * place}" y="{top + 26:.1f}" width="14" height="9" fill="{colour}"/>'
    end = _NAMES + 14 * len(_VIRIDIS) + 6
    words = [f"{each * 100:.0f} %" if grid.quantity.share else f"{10**each:.2g}" for each in (low, most)]
    yield f'<text class="soft" x="{_NAMES - 6}" y="{top + 35:.1f}" text-anchor="end">{words[0]}</text>'
    yield f'<text class="soft" x="{end}" y="{top + 35:.1f}">{words[1]}; grey: exactly zero; red: not finite</text>'


def _range(grid: Grid) -> tuple[float, float]:
    if grid.quantity.share:
        return 0.0, 1.0
    known = [math.log10(v) for row in grid.rows for v in row if v is not None and math.isfinite(v) and v > 0]
    return (min(known), max(known)) if known else (0.0, 1.0)


def _colour(value: float | None, low: float, most: float, *, share: bool) -> str:
    if value is None:
        return ""
    if not math.isfinite(value):
        return _BROKEN
    if value <= 0 and not share:
        return _ODD
    level = value if share else math.log10(value)
    return _VIRIDIS[round((level - low) / ((most - low) or 1.0) * (len(_VIRIDIS) - 1))]


def _runs(colours: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Yield runs of one colour: where they begin, and behind their end.

    >>> list(_runs(["a", "a", "", "b"]))
    [('a', 0, 2), ('b', 3, 4)]
    """
    start = 0
    for place in range(1, len(colours) + 1):
        if place == len(colours) or colours[place] != colours[start]:
            if colours[start]:
                yield colours[start], start, place
            start = place
