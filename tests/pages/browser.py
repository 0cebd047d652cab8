"""A real headless Chromium that opens a page from a file, and what went wrong in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Opened(NamedTuple):
    """A page in the browser: its handle, what it said on the console, and what it asked the network for."""

    tab: Any
    said: list[str]
    asked: list[str]


@contextmanager
def browser() -> Iterator[Any]:
    """Start Chromium; skip where there is none, or nothing to drive it with."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine: apt-get install chromium")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install playwright"
    )
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@contextmanager
def opened(started: Any, path: Path, *, width: int = 1280, scheme: str = "light", before: str = "") -> Iterator[Opened]:
    """Open a file, and wait until its charts are drawn; `before` is a script that runs just before they are."""
    tab = started.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    asked: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    if before:
        tab.add_init_script(f"document.addEventListener('DOMContentLoaded', () => {{ {before} }})")
    tab.goto(path.as_uri())
    tab.bring_to_front()
    tab.wait_for_selector("html[data-drawn]", state="attached")
    yield Opened(tab, said, asked)
    tab.close()
