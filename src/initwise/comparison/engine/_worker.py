"""A worker: takes cells off the board and runs them until none is left."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from initwise.comparison._cells import Cell
from initwise.comparison._design import Outcomes
from initwise.comparison._experiment import Experiment
from initwise.comparison._failures import CellError, raised
from initwise.comparison.engine._board import Board, Taken
from initwise.comparison.engine._claims import BEAT, lives
from initwise.errors import ArgumentError, InitwiseError

POLL = 0.2  # seconds between two looks at a board that has nothing to do

Seen = Callable[[Board], None]
Parent = tuple[int, str | None]


def work(experiment: Experiment, board: Board, seen: Seen | None = None, parent: Parent | None = None) -> int:
    """Run cells until the experiment is complete, whoever ran them; return how many were run here.

    Args:
        experiment: what to run.
        board: where its cells are.
        seen: called after every cell and while waiting.
        parent: the process that this one ends with.

    Raises:
        CellError: the user's code raised an error in a cell.
        ArgumentError: no strategy learns, or a cell kills its workers.
    """
    ran, idle = 0, 0
    with _alive(board, parent) as heart:
        while True:
            board.reap()
            outcomes = board.outcomes()
            cells = experiment.wanted(outcomes)
            if complete(experiment, cells, outcomes):
                return ran
            _check_fatal(board)
            # Who just ran a cell enqueues what follows from it at once; who is idle leaves it to them for a moment.
            if idle != 1:
                board.enqueue(cells)
            taken = board.take(cells)
            if taken is None:
                idle += 1
                time.sleep(POLL)
            else:
                idle = 0
                _run(experiment, board, taken, heart)
                ran += 1
            if seen is not None:
                seen(board)


def complete(experiment: Experiment, cells: list[Cell], outcomes: Outcomes) -> bool:
    """Tell whether all cells that are wanted have an outcome, and all strategies have their cells of the verdict."""
    if experiment.design.lacking(cells, outcomes):
        return False
    return {cell.strategy for cell in cells if not cell.tunes} == set(experiment.design.strategies)


def _check_fatal(board: Board) -> None:
    sentence = board.fatal()
    if sentence is not None:
        raise ArgumentError(sentence)


def _run(experiment: Experiment, board: Board, taken: Taken, heart: Heart) -> None:
    with heart.of(taken):
        try:
            outcome = experiment.run(taken[1])
        except Exception as error:
            board.fail(taken, f"{type(error).__name__}: {error}")
            if isinstance(error, InitwiseError):
                raise
            raise CellError(
                f"compare: {taken[1]}: {raised(error)}; what is done is kept, so mend it and run the same command again"
            ) from error
        board.finish(taken, outcome)


class Heart:
    """What the thread of signs of life is told: which cell runs."""

    def __init__(self) -> None:
        self.taken: Taken | None = None

    @contextmanager
    def of(self, taken: Taken) -> Iterator[None]:
        """Give signs of life for a cell while the block runs."""
        self.taken = taken
        try:
            yield
        finally:
            self.taken = None


@contextmanager
def _alive(board: Board, parent: Parent | None) -> Iterator[Heart]:
    """Give signs of life in a thread, and end this process if its parent is gone."""
    heart, ended = Heart(), threading.Event()
    thread = threading.Thread(target=_beat, args=(board, heart, ended, parent), daemon=True)
    thread.start()
    try:
        yield heart
    finally:
        ended.set()
        thread.join()


def _beat(board: Board, heart: Heart, ended: threading.Event, parent: Parent | None) -> None:
    last = time.monotonic()
    while not ended.wait(1.0):
        if parent is not None and not lives(*parent):
            os._exit(1)
        taken: Any = heart.taken
        if taken is not None and time.monotonic() - last >= BEAT:
            with suppress(Exception):  # a storage that fails for a moment is tried again at the next beat
                board.beat(taken)
            last = time.monotonic()
