"""The curves as a picture without a script: forward above, backward below, on log scales."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

from initwise.pages._content import Content
from initwise.pages._data import data, named

WIDTH, HEIGHT, LEFT, TOP, GAP = 720, 200, 70, 34, 46
_COLOURS = ("#1a5fb4", "#b35c00", "#1b6e3c")
_DASHES = ("", "6 3", "2 3")
_TITLES = {"forward": "E[x²] of the layers' outputs", "backward": "E[g²] of their gradients"}


def svg(content: Content) -> str:
    """Return the picture; where there are no signals it says so."""
    points = data(content)["layers"]
    series = [name for name, _ in named(content)]
    height = TOP + 2 * (HEIGHT + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        f' role="img" font-family="system-ui, sans-serif" font-size="11">',
        f"<title>{escape(content.title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{LEFT}" y="16" font-size="13" font-weight="600">{escape(content.title)}</text>',
    ]
    for place, name in enumerate(series):
        x = LEFT + 320 + 130 * place
        parts.append(_line([(x, 12), (x + 24, 12)], place) + f'<text x="{x + 30}" y="16">{escape(name)}</text>')
    for place, direction in enumerate(("forward", "backward")):
        top = TOP + place * (HEIGHT + GAP)
        parts.append(_panel([each for each in points if each["d"] == direction], direction, series, top))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(points: Sequence[dict[str, Any]], direction: str, series: Sequence[str], top: int) -> str:
    title = f'<text x="{LEFT}" y="{top + 12}" fill="#59616b">{_TITLES[direction]}</text>'
    if not points:
        return title + f'<text x="{LEFT}" y="{top + 60}">no numbers</text>'
    logs = [math.log10(each["y"]) for each in points]
    low, high = math.floor(min(logs)), math.ceil(max(logs))
    high = high if high > low else low + 1
    most = max(each["x"] for each in points) or 1

    def place(each: dict[str, Any]) -> tuple[float, float]:
        share = (math.log10(each["y"]) - low) / (high - low)
        return LEFT + each["x"] / most * (WIDTH - LEFT - 20), top + 20 + (1 - share) * HEIGHT

    parts = [title]
    for power in range(low, high + 1, max(1, (high - low) // 5)):
        y = top + 20 + (1 - (power - low) / (high - low)) * HEIGHT
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - 20}" stroke="#dcdfe4"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#59616b">1e{power}</text>')
    for index, name in enumerate(series):
        own = sorted((each for each in points if each["s"] == name), key=lambda each: each["x"])
        parts.append(_line([place(each) for each in own], index))
    for each in points:
        if each.get("c"):
            x, y = place(each)
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="none" stroke="#b3261e" stroke-width="2"/>')
    return "\n".join(parts)


def _line(points: Sequence[tuple[float, float]], index: int) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dash = f' stroke-dasharray="{_DASHES[index]}"' if _DASHES[index] else ""
    return f'<polyline points="{path}" fill="none" stroke="{_COLOURS[index]}" stroke-width="1.6"{dash}/>'
