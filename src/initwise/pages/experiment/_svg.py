"""The learning curves and the losses by seed as a picture without a script."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from initwise.comparison import Comparison
from initwise.pages._drawn import Drawn
from initwise.pages._panel import COLOURS, GAP, HEIGHT, LEFT, RIGHT, WIDTH, Panel, opening
from initwise.pages.experiment._charts import DASHES
from initwise.pages.experiment._data import curves, seeds


def svg(comparison: Comparison, title: str, kind: str = "") -> str:
    """Return the picture. `kind` is its class, inside of a page."""
    names = comparison.experiment.design.strategies
    keys = [] if kind else list(_legend(names))  # a page has its own title and legend
    top = 16 if kind else 48 + 18 * len(keys)
    height = top + 2 * (HEIGHT + GAP)
    parts = list(opening(title, height, kind))
    parts += [f'<g transform="translate(0 {44 + 18 * row})">{key}</g>' for row, key in enumerate(keys)]
    parts += _Curves(curves(comparison), "training loss over steps, with 95 % intervals", top).parts()
    parts += _Seeds(seeds(comparison), "loss of every run; a line joins a seed", top + HEIGHT + GAP, names).parts()
    return "\n".join([*parts, "</svg>"]) + "\n"


def swatch(place: int) -> str:
    """Return the line that stands for a strategy, on a page."""
    return (
        f'<svg class="swatch k{place % 8}" width="28" height="12" aria-hidden="true">'
        f'<path d="M0 6h28" stroke-dasharray="{_dashes(place)}"/></svg>'
    )


def _dashes(place: int) -> str:
    return "none" if place % len(DASHES) == 0 else " ".join(map(str, DASHES[place % len(DASHES)]))


def _legend(names: tuple[str, ...]) -> Iterator[str]:
    """Return the names behind their lines, row by row, as many in each as have room."""
    row, x = "", LEFT
    for place, name in enumerate(names):
        wide = 52 + 7 * len(name)
        if row and x + wide > WIDTH - RIGHT:
            yield row
            row, x = "", LEFT
        line = f'<path class="line" stroke="{COLOURS[place % 8]}" stroke-dasharray="{_dashes(place)}" d="M{x} 0h26"/>'
        row += f'{line}<text x="{x + 32}" y="4">{escape(name)}</text>'
        x += wide
    yield row


class _Curves(Panel):
    def marks(self) -> Iterator[str]:
        rows = self.drawn.sets["lines"]
        most = max(row["x"] for row in rows)

        def at(row: dict[str, Any], key: str) -> str:
            return f"{LEFT + row['x'] / most * (WIDTH - LEFT - RIGHT):.1f} {self.y(row[key])}"

        for place in sorted({row["s"] for row in rows}):
            own = [row for row in rows if row["s"] == place]
            banded = [row for row in own if row["low"] is not None and row["high"] is not None]
            colour = COLOURS[place % 8]
            if banded:
                ends = [*(at(row, "low") for row in banded), *(at(row, "high") for row in reversed(banded))]
                yield f'<path fill="{colour}" opacity=".14" d="M{"L".join(ends)}z"/>'
            line = "L".join(at(row, "y") for row in own)
            yield f'<path class="line" stroke="{colour}" stroke-dasharray="{_dashes(place)}" d="M{line}"/>'
        end = self.top + HEIGHT + 16
        yield f'<text class="soft" x="{LEFT}" y="{end}">0</text>'
        yield f'<text class="soft" x="{WIDTH - RIGHT}" y="{end}" text-anchor="end">{most:,} steps</text>'


class _Seeds(Panel):
    room = 32

    def __init__(self, drawn: Drawn, title: str, top: int, names: tuple[str, ...]) -> None:
        super().__init__(drawn, title, top)
        self.names = names

    def x(self, place: int) -> float:
        return round(LEFT + (place + 0.5) / len(self.names) * (WIDTH - LEFT - RIGHT), 1)

    def marks(self) -> Iterator[str]:
        rows = self.drawn.sets["dots"]
        for seed in sorted({row["seed"] for row in rows}):
            ends = [f"{self.x(row['s'])} {self.y(row['y'])}" for row in rows if row["seed"] == seed]
            yield f'<path class="pair" d="M{"L".join(ends)}"/>'
        for row in rows:
            yield f'<circle cx="{self.x(row["s"])}" cy="{self.y(row["y"])}" r="3.4" fill="{COLOURS[row["s"] % 8]}"/>'
        for row in self.drawn.sets["lost"]:
            words = f'x="{self.x(row["s"])}" y="{self.top + 18}" text-anchor="middle"'
            yield f'<text class="bad" {words}>{escape(row["count"])}</text>'
        most = int((WIDTH - LEFT - RIGHT) / len(self.names) / 6.5)  # letters that have room
        for place, whole in enumerate(self.names):
            name = whole if len(whole) <= most else f"{whole[: most - 1]}…"
            yield f'<text x="{self.x(place)}" y="{self.top + HEIGHT + 18}" text-anchor="middle">{escape(name)}</text>'
