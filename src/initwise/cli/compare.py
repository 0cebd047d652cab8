"""`initwise compare`: strategies compared on a task, in worker processes that may be killed and joined."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from initwise import comparison, pages
from initwise._arguments import nearest
from initwise.cli import _options as options
from initwise.cli._calls import call, import_path, resolve
from initwise.cli._output import note, result
from initwise.cli._rules_file import read_rules
from initwise.comparison import BUILTIN, Comparison, Experiment, Task
from initwise.errors import TargetError
from initwise.reporting import to_json

RULE_FILES = (".yaml", ".yml", ".toml", ".json")


class TestOption(StrEnum):
    """How differences are tested."""

    EXACT = "exact"
    T = "t"


def compare(
    task: Annotated[
        str,
        typer.Argument(
            metavar="TASK",
            show_default=False,
            help=f"path/to/task.py (its `task`), path/to/task.py:name, package.module:name, or {', '.join(BUILTIN)}.",
        ),
    ],
    strategies: Annotated[
        str,
        typer.Option(
            "--strategies",
            metavar="A,B,...",
            help="Recipes, strategies of the task or rule files, with steps behind a plus: auto+lsuv. The first is the"
            " reference.",
        ),
    ] = "classic,auto",
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", help="Seeds that decide.")] = 8,
    budget: Annotated[
        int | None, typer.Option("--budget", metavar="STEPS", help="Steps of every run (default: the task's).")
    ] = None,
    rates: Annotated[
        str | None, typer.Option("--rates", metavar="R,...", help="Learning rates to tune over (default: the task's).")
    ] = None,
    tuning_seeds: Annotated[int, typer.Option("--tuning-seeds", metavar="N", help="Other seeds that tune.")] = 2,
    reference: Annotated[
        str | None,
        typer.Option("--reference", metavar="NAME", help="Held against all others; 'best': all against all."),
    ] = None,
    racing: Annotated[bool, typer.Option("--racing/--no-racing", help="Stop strategies that have lost.")] = True,
    alpha: Annotated[float, typer.Option("--alpha", metavar="A", help="Error rate of all verdicts together.")] = 0.05,
    margin: Annotated[
        float | None, typer.Option("--margin", metavar="M", help="Difference of mean log losses that does not matter.")
    ] = None,
    test: Annotated[TestOption, typer.Option("--test", help="Sign flips, or Student's t.")] = TestOption.EXACT,
    underpowered: Annotated[
        bool, typer.Option("--underpowered", help="Run although so few seeds can show nothing.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Processes on this machine (default: its cores).")
    ] = None,
    threads: Annotated[int, typer.Option("--threads", metavar="N", help="Threads of each worker.")] = 1,
    storage: Annotated[
        str | None,
        typer.Option("--storage", metavar="PLACE", help="A journal file or postgresql://... (default: in .initwise)."),
    ] = None,
    study: Annotated[
        str | None, typer.Option("--study", metavar="NAME", help="The study in it (default: the task's name).")
    ] = None,
    worker: Annotated[
        bool, typer.Option("--worker", help="Only run cells of the experiment in --storage, and report nothing.")
    ] = False,
    form: options.OutputFormat = options.Format.TABLE,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Write to a file, as its ending says: .html (the page), .md, .svg or .json."
        ),
    ] = None,
) -> int:
    """Compare ways to initialize on a task: paired runs, tuned rates, verdicts with a known error rate.

    What it can find is said before it runs. It may be killed at any moment: the same command goes on where it was.
    """
    found, place = find_task(task)
    settings: dict[str, Any] = {
        "seeds": seeds,
        "budget": budget,
        "learning_rates": None if rates is None else _rates(rates),
        "tuning_seeds": tuning_seeds,
        "reference": reference,
        "racing": racing,
        "alpha": alpha,
        "margin": margin,
        "test": test.value,
        "underpowered": underpowered,
    }
    with place, result(out, example="comparison.json") as write:
        experiment = comparison.arranged(found, _strategies(strategies), **settings)
        if worker:
            _assist(experiment, threads, storage, study)
            return 0
        count = _cores() if workers is None else workers
        try:
            done = comparison.carried_out(experiment, workers=count, threads=threads, storage=storage, study=study)
        except KeyboardInterrupt:
            note("what was run is kept; the same command goes on where it was")
            raise
        write(_rendered(done, form, out))
    return 0


def find_task(text: str) -> tuple[Task, AbstractContextManager[None]]:
    """Return the task that is named, and the context in which its module can be imported, by workers too."""
    if text in BUILTIN:
        return comparison.builtin(text), nullcontext()
    whole = text if ":" in text else f"{text}:task"
    place, _, name = whole.rpartition(":")
    if not place.endswith(".py") and "." not in place and "/" not in place and ":" not in text:
        raise TargetError(
            f"task {text!r}: there is no built-in task of this name; there are {', '.join(BUILTIN)}"
            f"{nearest(text, BUILTIN)}; or give path/to/task.py"
        )
    found, search = resolve(whole, place, name)
    made = found if isinstance(found, Task) else call(whole, found, {}, search)
    if not isinstance(made, Task):
        raise TargetError(
            f"task {text!r}: {name} is a {type(made).__name__}; give an iw.Task, or a function that returns one"
        )
    return made, import_path(search)


def _strategies(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for word in (each.strip() for each in text.split(",")):
        if not word:
            raise TargetError(f"--strategies {text!r}: a name is empty; give names with commas between: classic,auto")
        name, made = _strategy(word)
        if name in found:
            raise TargetError(f"--strategies {text}: {name!r} stands there twice; name each once")
        found[name] = made
    return found


def _strategy(word: str) -> tuple[str, Any]:
    """Return the name of a strategy, and what `compare` takes: words, or the rules of a file."""
    name, _, file = word.rpartition("=")
    if not file.endswith(RULE_FILES):
        return word, word
    return name or Path(file).stem, list(read_rules(Path(file)).rules)


def _rates(text: str) -> list[float]:
    try:
        return [float(each) for each in text.split(",")]
    except ValueError:
        raise TargetError(f"--rates {text}: give numbers with commas between them, such as 1e-3,3e-3,1e-2") from None


def _assist(experiment: Experiment, threads: int, storage: str | None, study: str | None) -> None:
    if storage is None:
        raise TargetError(
            "--worker: for which experiment? Give --storage, and the same options as where it was started."
        )
    ran = comparison.assist(experiment, threads=threads, storage=storage, study=study)
    note(f"the experiment is complete; {ran} of its runs were done here")


def _rendered(done: Comparison, form: options.Format, out: Path | None) -> str:
    """Return what was asked for, by the ending of the file or by the format."""
    ending = "" if out is None else out.suffix.lower()
    if out is not None and ending in pages.ENDINGS:
        return pages.report(done, path=None).text(out)
    return to_json(done.to_dict()) if form is options.Format.JSON or ending == ".json" else str(done)


def _cores() -> int:
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None and sys.platform != "darwin" else os.cpu_count() or 1
