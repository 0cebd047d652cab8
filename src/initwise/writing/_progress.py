"""Progress of long writes, on standard error: a bar on a terminal after a second, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

_Item = TypeVar("_Item")
_PATIENCE = 1.0  # seconds
_EVERY = 30.0  # seconds between lines where there is no terminal


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


class Bytes:
    """How many bytes of a total are written, how fast, and how long the rest takes; counted only where not `shown`."""

    def __init__(self, total: int, *, shown: bool = True) -> None:
        self.total, self.done, self.shown = total, 0, shown
        self._began = self._told = time.monotonic()
        self._bar: Any = None

    def advance(self, count: int) -> None:
        """Count bytes, and tell where it is time to."""
        self.done += count
        if not self.shown:
            return
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self.done)
        elif sys.stderr.isatty():
            if now - self._began > _PATIENCE:
                self._bar = _bar(self.total, self.done)
                self._bar.start()
        elif now - self._told > _EVERY and self.done < self.total:
            self._told = now
            sys.stderr.write(f"initwise: {self.words(now - self._began)}\n")

    def words(self, seconds: float) -> str:
        """Return what is done after so many seconds, in words."""
        rate = self.done / seconds
        minutes, left = divmod(round((self.total - self.done) / rate), 60)
        hours, minutes = divmod(minutes, 60)
        clock = f"{hours}:{minutes:02d}:{left:02d}"
        gigabytes = f"{self.done / 1e9:,.1f} of {self.total / 1e9:,.1f} GB"
        return f"{gigabytes} written, {rate / 1e9:,.2f} GB/s, {clock} left"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def _bar(total: int, done: int) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("writing weights"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    bar = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
    bar.add_task("", total=total, completed=done)
    return bar
