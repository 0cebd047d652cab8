"""A page in headless Chromium: when it is drawn, what it says, and what it asks the network for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

_WAIT = """new MutationObserver((_, observer) => {
  if (!document.documentElement.hasAttribute("data-drawn")) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.drawnAt = performance.now(); }, 0));
}).observe(document, {attributes: true, subtree: true, attributeFilter: ["data-drawn"]});"""


@dataclass(frozen=True)
class Opening:
    """What opening one page several times showed.

    Attributes:
        seconds: of each time, from the navigation's start until the frame with the drawn charts is painted.
        said: what stood on the console: errors, warnings and all else.
        asked: what was asked of the network, beside the file itself.
    """

    seconds: tuple[float, ...]
    said: tuple[str, ...]
    asked: tuple[str, ...]

    @property
    def median(self) -> float:
        """The median of the seconds."""
        return median(self.seconds)

    @property
    def worst(self) -> float:
        """The longest time."""
        return max(self.seconds)


def opening(started: Any, path: Path, times: int) -> Opening:
    """Open a page several times, each in a fresh context: no cache, no compiled code of the time before."""
    seconds: list[float] = []
    said: list[str] = []
    asked: list[str] = []
    for _ in range(times):
        context = started.new_context(viewport={"width": 1280, "height": 900})
        context.add_init_script(_WAIT)
        tab = context.new_page()
        tab.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        tab.on("pageerror", lambda error: said.append(f"error: {error}"))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(path.as_uri())
        tab.wait_for_function("window.drawnAt")
        seconds.append(tab.evaluate("window.drawnAt") / 1000)
        context.close()
    return Opening(tuple(seconds), tuple(said), tuple(each for each in asked if each != path.as_uri()))
