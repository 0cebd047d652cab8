"""What is said on standard error while an experiment runs: how far it is, and how long it will take."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from initwise.comparison._experiment import Experiment
from initwise.comparison.engine import Board

PLAIN = 10.0  # seconds between two lines where standard error is no terminal
LIVELY = 0.5


class Progress:
    """Says how many cells are done, and about how long the others will take."""

    def __init__(self, experiment: Experiment, workers: int, stream: TextIO | None) -> None:
        self._experiment = experiment
        self._workers = workers
        self._stream = stream
        self._last = time.monotonic()
        self._shown = 0

    def say(self, line: str) -> None:
        """Write a line."""
        if self._stream is not None:
            self._stream.write(f"{line}\n")
            self._stream.flush()

    def seen(self, board: Board) -> None:
        """Look at the board, and write where something has changed and some time has passed."""
        if self._stream is None:
            return
        lively = self._stream.isatty()
        if time.monotonic() - self._last < (LIVELY if lively else PLAIN):
            return
        self._last = time.monotonic()
        line = self.line(board)
        self._stream.write(f"\r{line.ljust(self._shown)}" if lively else f"{line}\n")
        self._stream.flush()
        self._shown = len(line) if lively else 0

    def line(self, board: Board) -> str:
        """Return how far the experiment is, in one line."""
        outcomes = board.outcomes()
        design, stopped = self._experiment.design, self._experiment.stopped(outcomes)
        spared = sum(design.seeds - max(seeds, len(design.table(outcomes)[name])) for name, seeds in stopped.items())
        total, done = design.most - spared, len(outcomes)
        diverged = sum(each.diverged for each in outcomes.values())
        parts = [f"{done} of {total} runs"]
        if diverged:
            parts.append(f"{diverged} diverged")
        if stopped:
            parts.append(f"{', '.join(stopped)} lost and stopped")
        if done:
            seconds = sum(each.seconds for each in outcomes.values()) / done * (total - done) / self._workers
            parts.append(f"about {span(seconds)} left")
        return f"compare {self._experiment.task.name}: {', '.join(parts)}"

    def done(self) -> None:
        """End the line that is rewritten in place."""
        if self._stream is not None and self._shown:
            self._stream.write("\r" + " " * self._shown + "\r")
            self._stream.flush()


def span(seconds: float) -> str:
    """Return a span of time in words."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def standard_error(*, wanted: bool) -> TextIO | None:
    """Return where progress goes."""
    return sys.stderr if wanted else None
