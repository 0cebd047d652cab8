"""`Html`: the page about a training, written again as it goes on."""

from __future__ import annotations

import time
import warnings
import weakref
from pathlib import Path

from initwise._arguments import Arguments
from initwise.errors import ArgumentError
from initwise.monitoring import Alert, Frame, Monitor
from initwise.pages._page import checked_path
from initwise.pages.training._content import gather
from initwise.pages.training._page import TrainingPage

_SHARE = 50  # times as long as a page took, none is written


class Html:
    """Keeps a page about the training: open it at any time, and load it again for what came since.

    It is written after the first frame, when an alert has a code that is new, at most every `every` seconds otherwise
    and for at most 2 % of the time, and once more when the monitor is closed. It replaces the file in one step: whoever
    reads it meets the old page or the new one. In distributed training the process of rank 0 writes.

    Where the disk refuses it, training goes on, and a warning says why.

    Args:
        path: where to write it: `.html`, or `.md`, `.svg`, `.json` as for `initwise.report`.
        every: seconds that lie between two pages.
        title: of the page.

    Raises:
        ArgumentError: the path cannot be written, or `every` is below zero.
        ArgumentTypeError: an argument is of a wrong type.

    >>> from tempfile import TemporaryDirectory
    >>> import torch, initwise as iw
    >>> model = torch.nn.Linear(8, 2)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> with TemporaryDirectory() as folder:
    ...     page = Html(f"{folder}/training.html")
    ...     monitor = iw.Monitor(model, optimizer=optimizer, sinks=page)
    ...     with monitor.step() as step:
    ...         step.loss = model(torch.ones(4, 8)).square().mean()
    ...         step.loss.backward()
    ...         optimizer.step()
    ...     monitor.close()
    ...     "Training of Linear" in page.path.read_text()
    True
    """

    def __init__(self, path: str | Path, *, every: float = 30.0, title: str | None = None) -> None:
        check = Arguments("pages.Html")
        self._every = check.number("every", every)
        if not self._every >= 0.0:
            check.refuse(f"every is {every!r}; give seconds between two pages, 0 or more")
        check.done()
        found = checked_path(path, TrainingPage.endings)
        if found is None:
            raise ArgumentError("pages.Html: path is None; give a file's name, such as 'training.html'")
        self.path, self._title = found, title
        self._monitor: weakref.ref[Monitor] | None = None
        self._told: set[str] = set()
        self._next = 0.0
        self._any = False  # other processes than that of rank 0 are told of nothing but the end

    def watch(self, monitor: Monitor) -> None:
        """Know the monitor that the page is about.

        Raises:
            ArgumentError: it is the sink of another monitor.
        """
        before = self._monitor() if self._monitor is not None else None
        if before is not None and before is not monitor and not before.closed:
            raise ArgumentError(
                f"pages.Html: {str(self.path)!r} is written by another monitor that is still open; give each a path of"
                " its own"
            )
        self._monitor = weakref.ref(monitor)

    def frame(self, frame: Frame) -> None:
        """Write the page, if it is time to."""
        self._any = True
        if _now() >= self._next:
            self._write()

    def alert(self, alert: Alert) -> None:
        """Write the page, if no alert of this code came before."""
        self._any = True
        if alert.code not in self._told:
            self._told.add(alert.code)
            self._write()

    def close(self) -> None:
        """Write the page for the last time."""
        if self._any:
            self._write()

    def _write(self) -> None:
        monitor = self._monitor() if self._monitor is not None else None
        if monitor is None:
            return
        begun = _now()
        try:
            TrainingPage(content=gather(monitor, self._title), path=self.path).write()
        except ArgumentError as error:
            if not isinstance(error.__cause__, OSError):
                raise
            warnings.warn(f"pages.Html: the page was not written, and training goes on: {error}", stacklevel=2)
        ended = _now()
        self._next = ended + max(self._every, (ended - begun) * _SHARE)


def _now() -> float:
    return time.monotonic()
