"""A progress bar for long writes: only on a terminal, only after a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

_Item = TypeVar("_Item")
_PATIENCE = 1.0  # seconds


def progress(items: Sequence[_Item], weight: Callable[[_Item], int]) -> Iterator[_Item]:
    """Yield `items`; on a terminal, show how much of their total weight is done once a second has passed."""
    if not sys.stderr.isatty():
        yield from items
        return
    began = time.monotonic()
    for index, item in enumerate(items):
        if time.monotonic() - began > _PATIENCE:
            yield from _shown(items, index, weight)
            return
        yield item


def _shown(items: Sequence[_Item], first: int, weight: Callable[[_Item], int]) -> Iterator[_Item]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        total = sum(weight(item) for item in items)
        task = bar.add_task("writing weights", total=total, completed=sum(weight(item) for item in items[:first]))
        for item in items[first:]:
            yield item
            bar.advance(task, weight(item))
