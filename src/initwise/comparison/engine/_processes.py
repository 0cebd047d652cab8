"""Worker processes on one machine: started, watched, and started again when they die."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler
from typing import Any

from initwise.comparison._experiment import Experiment
from initwise.comparison._failures import CellError
from initwise.comparison.engine._board import Board
from initwise.comparison.engine._claims import started
from initwise.comparison.engine._worker import POLL, Parent, Seen, complete, work
from initwise.errors import ArgumentError, InitwiseError

FRUITLESS = 3  # ends with an error in a row, beyond one a worker, before any cell was finished: nothing more is started
KILLED = 100  # as many ends by a signal in a row: somebody out there kills them, and not what they run
# What every worker needs before its first cell, and what tracing a model on the meta device imports.
PRELOADED = ["initwise.comparison.engine._processes", "optuna.storages.journal", "torch._dynamo", "torch._decomp"]


@dataclass
class Worker:
    """A process, and the end of the pipe on which it says why it ended."""

    process: Any
    pipe: Any


def work_in_processes(experiment: Experiment, board: Board, workers: int, threads: int, seen: Seen) -> None:
    """Run an experiment in worker processes; return when it is complete.

    A worker that is killed is replaced, and the cell that it ran is run again.

    Raises:
        CellError: the user's code raised an error in a cell.
        ArgumentError: the task or a strategy cannot be sent to processes, workers die before they run anything, no
            strategy learns.
    """
    _check_sendable(experiment)
    outcomes = board.outcomes()
    cells = experiment.wanted(outcomes)
    if complete(experiment, cells, outcomes):
        return
    board.enqueue(cells)
    start = _starter(experiment, board, threads)
    running = [start() for _ in range(workers)]
    try:
        _watch(board, running, start, seen)
    finally:
        for each in running:
            each.process.terminate()
        for each in running:
            each.process.join()
            each.pipe.close()


def _watch(board: Board, running: list[Worker], start: Any, seen: Seen) -> None:
    fruitless, done = 0, len(board.outcomes())
    while running:
        time.sleep(POLL)
        seen(board)
        for each in [each for each in running if not each.process.is_alive()]:
            running.remove(each)
            _tell(each)
            if each.process.exitcode != 0:
                finished = len(board.outcomes())
                fruitless, done = (fruitless + 1 if finished == done else 1), finished
                _check_fruit(fruitless, len(running) + 1, each.process.exitcode)
                board.reap()
                running.append(start())


def _tell(worker: Worker) -> None:
    """Raise what a worker said before it ended."""
    message = None
    with suppress(EOFError, OSError):
        if worker.pipe.poll():
            message = worker.pipe.recv()
    worker.pipe.close()
    if message is not None:
        kind, text = message
        raise {"CellError": CellError}.get(kind, ArgumentError)(text)


def _check_fruit(fruitless: int, workers: int, code: int) -> None:
    if fruitless >= (KILLED if code < 0 else FRUITLESS + workers):
        raise ArgumentError(
            f"compare: {fruitless} worker processes in a row ended with code {code} before they finished a cell; run"
            ' with workers=1 to see why; a script that compares stands under if __name__ == "__main__"'
        )


def _check_sendable(experiment: Experiment) -> None:
    try:
        ForkingPickler.dumps(experiment)
    except Exception as error:
        raise ArgumentError(
            f"compare: the experiment cannot be sent to worker processes: {type(error).__name__}: {error}; define the"
            " functions of task and strategies in a module (no lambda, no function in a function), or give workers=1"
        ) from error


def _starter(experiment: Experiment, board: Board, threads: int) -> Any:
    forks = "forkserver" in multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if forks else "spawn")
    if forks:  # torch is imported once, in the server, and not by every worker
        context.set_forkserver_preload(PRELOADED)
    here: Parent = os.getpid(), started(os.getpid())

    def start() -> Worker:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(
            target=_main,
            args=(experiment, board.place, board.name, threads, here, theirs),
            daemon=False,
            name="initwise compare",
        )
        process.start()
        theirs.close()
        return Worker(process, ours)

    return start


def _main(experiment: Experiment, place: str, study: str, threads: int, parent: Parent, pipe: Any) -> None:
    """Be a worker process."""
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it as well, and ends us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    torch.set_num_threads(threads)
    try:
        work(experiment, Board(place, study, experiment.design), parent=parent)
    except InitwiseError as error:
        pipe.send((type(error).__name__, str(error)))
        pipe.close()
        sys.exit(1)
