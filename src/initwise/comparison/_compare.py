"""`compare`: the whole experiment in one call."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from initwise._arguments import Arguments, show
from initwise.comparison._comparison import Comparison
from initwise.comparison._design import Design
from initwise.comparison._experiment import Experiment, differences, facts, reference_of
from initwise.comparison._optional import needed
from initwise.comparison._preflight import digests, preflight
from initwise.comparison._progress import Progress, standard_error
from initwise.comparison._strategies import strategies as named_strategies
from initwise.comparison.engine import Board, shown, work, work_in_processes
from initwise.comparison.statistics import Test
from initwise.comparison.tasks import Task, builtin, rates
from initwise.errors import ArgumentError, ArgumentTypeError

FOLDER = Path(".initwise")  # where journals are kept that nobody gave a place


@dataclass(frozen=True)
class Running:
    """How an experiment is run, which does not change what it finds."""

    workers: int
    threads: int
    storage: str | None
    study: str | None
    progress: bool


def compare(
    task: Task | str,
    strategies: Any,
    *,
    seeds: int = 8,
    budget: int | None = None,
    learning_rates: Any = None,
    tuning_seeds: int = 2,
    reference: str | None = None,
    racing: bool = True,
    alpha: float = 0.05,
    margin: float | None = None,
    test: Test = "exact",
    underpowered: bool = False,
    workers: int = 1,
    threads: int = 1,
    storage: str | Path | None = None,
    study: str | None = None,
    progress: bool = True,
) -> Comparison:
    """Compare ways to initialize on a task: a paired experiment whose verdicts are wrong with at most `alpha`.

    Every strategy is first tuned: each learning rate of the grid is run on `tuning_seeds` seeds of their own. Then
    every strategy runs at its own rate on the same `seeds` seeds, with the same data order, augmentation and dropout
    noise and the same number of steps. A run that diverges is an outcome. What it could find at best is said before it
    runs.

    It can be stopped at any moment: the same call goes on where it was, and no run is done twice.

    Args:
        task: a `Task`, or the name of a built-in one: digits-mlp, digits-cnn, digits-30, digits-128, characters,
            regression.
        strategies: `{name: strategy}`, or a list of names. A strategy is the name of a recipe or of one of the task's
            own strategies, with calibration steps behind a plus ("auto+lsuv"; "lsuv" alone works over auto); rules for
            `iw.plan`; a `Plan`, drawn anew for every seed; or a function `(model, batches) -> Plan`.
        seeds: how many decide.
        budget: optimizer steps of every run; by default the task's.
        learning_rates: the grid; by default the task's. One rate is not tuned.
        tuning_seeds: how many other seeds choose each strategy's rate.
        reference: the strategy that the others are held against; by default the first. "best" holds all against all,
            which takes more seeds.
        racing: stop strategies that have lost before all seeds are run; their part of `alpha` is set aside.
        alpha: the probability that any verdict is wrong is at most this.
        margin: the difference of mean log losses that does not matter; by default 0.02, two per cent of the loss.
        test: "exact", or "t", which decides with fewer seeds if differences are about normal.
        underpowered: run although so few seeds can show nothing.
        workers: processes on this machine; 1 runs everything in this one.
        threads: of torch in each worker.
        storage: the path of a journal file, or the URL of a PostgreSQL database that workers on other machines share;
            by default a file in the folder .initwise. `optuna-dashboard` opens it too.
        study: the name of the study in it; by default the task's.
        progress: say on standard error how far it is.

    Returns:
        A `Comparison`: print it; `.verdicts`, `.best`, `.rates`, `.curves`, `.apply_best(model)`, `.to_dict()`.

    Raises:
        ArgumentError: one strategy, duplicates, too few seeds; a model that ignores the plan; data that are not
            reproducible; a loss that is no scalar or falls nowhere; a storage that cannot be reached, or that holds
            another experiment.
        NotSupportedError: Optuna is not installed.
        CellError: the task's own code raised an error.
    """
    experiment = arranged(
        task,
        strategies,
        seeds=seeds,
        budget=budget,
        learning_rates=learning_rates,
        tuning_seeds=tuning_seeds,
        reference=reference,
        racing=racing,
        alpha=alpha,
        margin=margin,
        test=test,
        underpowered=underpowered,
    )
    return carried_out(experiment, workers=workers, threads=threads, storage=storage, study=study, progress=progress)


def carried_out(
    experiment: Experiment,
    *,
    workers: int = 1,
    threads: int = 1,
    storage: str | Path | None = None,
    study: str | None = None,
    progress: bool = True,
) -> Comparison:
    """Run an experiment, or what is left of it, and return what it showed; arguments as for `compare`."""
    running = _running(workers, threads, storage, study, progress)
    reporter = Progress(experiment, running.workers, standard_error(wanted=running.progress))
    reporter.say(f"compare {experiment.task.name}: {experiment.power}")
    with _threads(running.threads), opened(experiment, running) as (board, about):
        _announce(reporter, experiment, board)
        if running.workers == 1:
            work(experiment, board, reporter.seen)
        else:
            work_in_processes(experiment, board, running.workers, running.threads, reporter.seen)
        reporter.done()
        return Comparison(experiment, board.outcomes(), about)


def assist(experiment: Experiment, *, threads: int = 1, storage: str, study: str | None = None) -> int:
    """Run cells of an experiment that others run as well, until it is complete; return how many were run here."""
    running = _running(1, threads, storage, study, progress=False)
    with _threads(running.threads), opened(experiment, running) as (board, _):
        return work(experiment, board)


def arranged(
    task: Task | str,
    strategies: Any,
    *,
    seeds: int,
    budget: int | None,
    learning_rates: Any,
    tuning_seeds: int,
    reference: str | None,
    racing: bool,
    alpha: float,
    margin: float | None,
    test: Test,
    underpowered: bool,
) -> Experiment:
    """Return the experiment that the arguments of `compare` describe."""
    trained = builtin(task) if isinstance(task, str) else task
    if not isinstance(trained, Task):
        raise ArgumentTypeError(
            f"compare: task is {show(task)} of type {type(task).__name__}; give an iw.Task, or the name of a built-in"
            " one"
        )
    contenders = named_strategies(strategies, trained.strategies)
    arguments = Arguments("compare")
    arguments.integer("seeds", seeds, least=2)
    arguments.integer("tuning_seeds", tuning_seeds, least=1)
    steps = trained.steps if budget is None else arguments.integer("budget", budget, least=3)
    grid = trained.learning_rates if learning_rates is None else rates(arguments, "learning_rates", learning_rates)
    arguments.flag("racing", racing)
    names = [each.name for each in contenders]
    compared = reference_of(arguments, reference, names)
    arguments.choice("test", test, ("exact", "t"))
    if not 0 < arguments.number("alpha", alpha) < 1:
        arguments.refuse(f"alpha is {alpha}, and must lie between 0 and 1")
    if margin is not None and arguments.number("margin", margin) <= 0:
        arguments.refuse(f"margin is {margin}, and must be positive")
    arguments.done()
    design = Design(tuple(names), grid, seeds, tuning_seeds, racing, steps)
    experiment = Experiment(trained, contenders, design, compared, alpha, margin, test)
    if not experiment.power.possible and not underpowered:
        raise ArgumentError(_too_few(experiment))
    return experiment


def _too_few(experiment: Experiment) -> str:
    power = experiment.power
    ways = [f"give seeds={power.least_seeds}"]
    if experiment.test == "exact" and replace(experiment, test="t").power.possible:
        ways.append('test="t" (if differences are about normal)')
    if experiment.reference is None:
        ways.append("a reference")
    return f"compare: {power}; {', '.join(ways)}, or underpowered=True to run it all the same"


def _running(workers: int, threads: int, storage: str | Path | None, study: str | None, progress: bool) -> Running:
    needed("Optuna", "optuna", "compare", "compare")
    arguments = Arguments("compare")
    arguments.integer("workers", workers, least=1)
    arguments.integer("threads", threads, least=1)
    for name, value in (("storage", storage), ("study", study)):
        given: Any = value
        fits = given is None or isinstance(given, str) or (name == "storage" and isinstance(given, Path))
        if not fits or not str(given):
            kind = "a path or a URL" if name == "storage" else "a name"
            arguments.refuse(f"{name} is {show(given)}; give {kind}, or None", wrong_type=not fits)
    arguments.done()
    return Running(workers, threads, None if storage is None else str(storage), study, progress)


@contextmanager
def opened(experiment: Experiment, running: Running) -> Iterator[tuple[Board, Mapping[str, Any]]]:
    """Check the experiment, open its storage, and make sure that it holds this experiment and no other."""
    tried = preflight(experiment)
    first, held = {each.name: each.losses for each in tried}, {each.name: each.held for each in tried}
    found = facts(experiment, digests(experiment, tried), first, held, tried[0].untrained)
    about = json.loads(json.dumps(found))
    place = running.storage or _default_place(experiment, about)
    with closing(Board(place, running.study or experiment.task.name, experiment.design)) as board:
        _agree(board, about)
        yield board, about


def _default_place(experiment: Experiment, about: Mapping[str, Any]) -> str:
    code = hashlib.blake2b(json.dumps(about, sort_keys=True).encode(), digest_size=6).hexdigest()
    name = "".join(each if each.isalnum() or each in "-_" else "-" for each in experiment.task.name)
    try:
        FOLDER.mkdir(exist_ok=True)
    except OSError as error:
        raise ArgumentError(
            f"compare: storage: {FOLDER.resolve()} cannot be made: {error.strerror or error}; give storage=, the path"
            " of a journal file"
        ) from error
    return str(FOLDER / f"{name}-{code}.journal")


def _agree(board: Board, about: Mapping[str, Any]) -> None:
    there = board.facts()
    place = f"compare: storage {shown(board.place)}: study {board.name!r}"
    if not there:
        if board.has_trials:
            raise ArgumentError(f"{place} was not made by initwise; give another study= name")
        board.note_facts(about)
        return
    found = differences(about, there)
    if found:
        raise ArgumentError(
            f"{place} holds another experiment ({'; '.join(found)}); give another study= name, or another storage="
        )


def _announce(reporter: Progress, experiment: Experiment, board: Board) -> None:
    design = experiment.design
    tuning = f"{len(design.tuning)} to tune, " if design.tuning else ""
    deciding = len(design.strategies) * design.seeds
    reporter.say(
        f"compare {experiment.task.name}: {design.most} runs of {design.steps} steps ({tuning}{deciding} to decide),"
        f" kept in {shown(board.place)}"
    )


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
