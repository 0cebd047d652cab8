"""The curves as a picture without a script: forward above, backward below, on log scales."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from initwise.pages._content import Content
from initwise.pages._curves import DIRECTIONS, Curves, Direction, curves

WIDTH, HEIGHT, LEFT, RIGHT, TOP, GAP = 720, 200, 64, 16, 52, 44
_TITLES = {"forward": "forward: E[x²] of outputs", "backward": "backward: E[g²] of gradients"}
_STYLE = (
    "text{fill:#1a1d21;font:11px system-ui,sans-serif}.soft{fill:#59616b}.grid{stroke:#dcdfe4}"
    ".band{fill:#59616b;opacity:.1}.s0{stroke:#1a5fb4}.s1{stroke:#b35c00;stroke-dasharray:6 3}"
    ".s2{stroke:#1b6e3c;stroke-dasharray:2 3}path{fill:none;stroke-width:1.6}"
    ".dots{stroke-dasharray:none!important;stroke-width:3.4;stroke-linecap:round}.s1.dots{stroke-linecap:square;stroke-width:2.6}.bad{stroke:#b3261e;stroke-width:2;fill:none}text.bad{fill:#b3261e;stroke:none}"
)


def svg(content: Content, kind: str = "") -> str:
    """Return the picture; where there are no signals it says so. `kind` is its class, inside of a page."""
    found = curves(content)
    height = TOP + 2 * (HEIGHT + GAP)
    top = TOP - GAP // 4 if kind else 0
    mark = f' class="{kind}"' if kind else ""
    title = f"{content.title}: {', '.join(found.series) or 'no signals'}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg"{mark} viewBox="0 {top} {WIDTH} {height - top}"'
        f' width="{WIDTH}" height="{height - top}" role="img">',
        f"<title>{escape(title)}</title><style>{_scoped(kind)}</style>",
        "" if kind else f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    if not kind:  # a page has its own title and legend
        parts += [f'<text x="{LEFT}" y="16" font-weight="600">{escape(content.title)}</text>', *_legend(found)]
    for place, direction in enumerate(DIRECTIONS):
        parts += _Panel(found, direction, TOP + place * (HEIGHT + GAP)).parts()
    return "\n".join([*filter(None, parts), "</svg>"]) + "\n"


def style_of(name: str) -> int:
    """Return which style a series has: predicted, measured, or of another plan.

    >>> style_of("predicted"), style_of("measured"), style_of("predicted, xavier")
    (0, 1, 2)
    """
    return {"predicted": 0, "measured": 1}.get(name, 2)


def _scoped(kind: str) -> str:
    """Return the style; inside of a page it is for this picture only."""
    return "".join(f".{kind} {rule}}}" for rule in _STYLE.split("}") if rule) if kind else _STYLE


def _legend(found: Curves) -> Iterator[str]:
    for place, name in enumerate(found.series):
        x, style = LEFT + place * 150, style_of(name)
        yield f'<path class="s{style}" d="M{x} 32h26"/><text x="{x + 32}" y="36">{escape(name)}</text>'


class _Panel:
    """One of the two charts."""

    def __init__(self, found: Curves, direction: Direction, top: int) -> None:
        self.found, self.direction, self.top = found, direction, top
        levels = [value for point in found.points for value in point.level(direction)]
        logs = [math.log10(value) for value in levels if value is not None and 0 < value < math.inf]
        self.empty = not logs
        self.low, self.high = (math.floor(min(logs)), math.ceil(max(logs))) if logs else (0, 1)
        self.high = max(self.high, self.low + 1)

    def parts(self) -> Iterator[str]:
        yield f'<text class="soft" x="{LEFT}" y="{self.top + 10}">{_TITLES[self.direction]}</text>'
        if self.empty:
            yield f'<text x="{LEFT}" y="{self.top + 60}">no numbers</text>'
            return
        yield from self._grid()
        yield from self._band()
        for index, name in enumerate(self.found.series):
            yield from self._series(index, style_of(name))
        for point in self.found.points:
            at = next((value for value in point.level(self.direction) if value), None)
            if point.blamed and at is not None:
                x, y = self._at(point.place, at)
                name = escape(point.row.module)
                yield f'<path class="bad" d="M{x} {y - 8:.1f}l8 8l-8 8l-8-8z"/>'
                side = "end" if point.place > len(self.found.points) / 2 else "start"
                yield f'<text class="bad" x="{x}" y="{y - 12:.1f}" text-anchor="{side}">{name}</text>'

    def _grid(self) -> Iterator[str]:
        for power in range(self.low, self.high + 1, max(1, -(-(self.high - self.low) // 5))):
            y = self._y(10.0**power)
            yield f'<path class="grid" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>'
            yield f'<text class="soft" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">1e{power}</text>'

    def _band(self) -> Iterator[str]:
        corners = (self.found.bands or {}).get(self.direction, ())
        if corners:
            ends = [self._at(place, low) for place, low, _ in corners]
            ends += [self._at(place, high) for place, _, high in reversed(corners)]
            yield f'<path class="band" style="fill:#59616b" d="M{_joined(ends)}z"/>'

    def _series(self, index: int, style: int) -> Iterator[str]:
        levels = {point.place: point.level(self.direction)[index] for point in self.found.points}
        known = {place: value for place, value in levels.items() if value and math.isfinite(value)}
        for path in self.found.paths:
            line = [self._at(place, known[place]) for place in path if place in known]
            if len(line) > 1:
                yield f'<path class="s{style}" d="M{_joined(line)}"/>'
        dots = "".join(f"M{x} {y}h0" for x, y in (self._at(place, value) for place, value in known.items()))
        if dots:
            yield f'<path class="s{style} dots" d="{dots}"/>'

    def _at(self, place: int, value: float) -> tuple[float, float]:
        most = max(len(self.found.points) - 1, 1)
        return round(LEFT + place / most * (WIDTH - LEFT - RIGHT), 1), self._y(value)

    def _y(self, value: float) -> float:
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return round(self.top + 20 + (1 - min(max(share, 0.0), 1.0)) * (HEIGHT - 20), 1)


def _joined(points: Sequence[tuple[float, float]]) -> str:
    return "L".join(f"{x} {y}" for x, y in points)
