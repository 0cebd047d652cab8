"""One chart of a picture without a script: its title, its grid, and heights on its axis."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape

from initwise.pages._drawn import Drawn

WIDTH, HEIGHT, LEFT, RIGHT, GAP = 720, 220, 64, 16, 64
COLOURS = ("#1a5fb4", "#b35c00", "#1b6e3c", "#8f3f97", "#a8326b", "#00717a", "#6b5b1e", "#59616b")
_STYLE = (
    "text{fill:#1a1d21;font:11px system-ui,sans-serif}.soft{fill:#59616b}.grid{stroke:#dcdfe4}.bad{fill:#b3261e}"
    ".line{fill:none;stroke-width:1.8}.pair{fill:none;stroke:#59616b;opacity:.4}"
)


def opening(title: str, height: int, kind: str = "") -> Iterator[str]:
    """Yield the head of a picture. `kind` is its class, inside of a page, which has a title and a ground of its own."""
    mark = f' class="{kind}"' if kind else ""
    rules = "".join(f".{kind} {rule}}}" for rule in _STYLE.split("}") if rule) if kind else _STYLE
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg"{mark} viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
        f' height="{height}" role="img"><title>{escape(title)}</title><style>{rules}</style>'
    )
    if not kind:
        yield f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>'
        yield f'<text x="{LEFT}" y="20" font-weight="600">{escape(title)}</text>'


class Panel:
    """One of the charts of a picture; `marks` is what it draws.

    Attributes:
        room: above what is drawn.
        left, right: between which it draws.
    """

    room = 14
    left, right = LEFT, WIDTH - RIGHT

    def __init__(self, drawn: Drawn, title: str, top: int, height: int = HEIGHT) -> None:
        self.drawn, self.title, self.top, self.height = drawn, title, top, height
        self.low, self.high = self._scaled(drawn.low or 0.0), self._scaled(drawn.high or 1.0)

    def parts(self) -> Iterator[str]:
        """Yield all of it."""
        yield f'<text class="soft" x="{self.left}" y="{self.top}">{escape(self.title)}</text>'
        if self.drawn.low is None:
            yield f'<text x="{self.left}" y="{self.top + 40}">nothing to draw: no number is finite</text>'
            return
        for value in self.drawn.ticks:
            y = self.y(value)
            yield f'<path class="grid" d="M{self.left} {y}H{self.right}"/>'
            yield f'<text class="soft" x="{self.left - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>'
        yield from self.marks()

    def marks(self) -> Iterator[str]:
        """Yield what is drawn on the grid."""
        raise NotImplementedError

    def y(self, value: float) -> float:
        """Return the height of a value; what is beyond an end lies at it."""
        share = (self._scaled(value) - self.low) / (self.high - self.low)
        return round(self.top + self.room + (1 - min(max(share, 0.0), 1.0)) * (self.height - self.room), 1)

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.drawn.logarithmic else value
