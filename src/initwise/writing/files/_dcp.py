"""A plan's weights as a checkpoint of `torch.distributed.checkpoint`, which all ranks draw and write in parallel."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from torch import nn

from initwise.errors import ProblemsError, WriteError
from initwise.planning import Plan
from initwise.writing.files._config import CONFIG, config
from initwise.writing.files._disk import put
from initwise.writing.files._entries import OPERATION, Contents, find_contents
from initwise.writing.files._place import METADATA, PARTS, Place
from initwise.writing.files._ranks import Ranks
from initwise.writing.files._shares import CHUNK, Box, boxes_of

ABOUT = "initwise.json"


class _Work(NamedTuple):
    contents: Contents
    boxes: Sequence[Box]  # of this rank


def write_checkpoint(
    model: nn.Module,
    plan: Plan,
    path: Path,
    *,
    most: int,
    told: Mapping[str, str],
    build: Callable[[], nn.Module] | None,
    progress: bool = True,
) -> list[Path]:
    """Write a checkpoint with all ranks of the default process group, or with this process where there is none.

    What goes wrong on one rank is an error on all of them. `.metadata`, without which nothing reads a checkpoint, comes
    last.

    Args:
        model: as for `write_weights`; so is `plan`, and `build`.
        plan: the same on every rank.
        path: the folder.
        most: bytes of a file.
        told: what the folder says of itself, in `initwise.json`.
        build: see `model`.
        progress: tell on standard error, on the first rank, how far that rank is.

    Returns:
        The files that hold weights, and `.metadata`.

    Raises:
        WriteError: as for `write_weights`; or ranks have different plans, or see different folders.
    """
    ranks = Ranks()
    work = _agreed(ranks, model, plan, build, most)
    place = Place(path, {**told, "layout": "dcp"})
    first = ranks.rank == 0
    with ExitStack() as stack:
        needed = sum(entry.nbytes for entry in work.contents.entries)
        ranks.raise_together(_problems(path, lambda: stack.enter_context(place.opened(needed))) if first else [])
        token = ranks.from_first(place.token)
        ranks.raise_together(place.problems(token, ranks.rank))
        ranks.raise_together(_problems(path, lambda: _describe(model, work.contents, place)) if first else [])
        _save(ranks, work, place, most, shown=progress and first)
        if first:
            place.close()
    ranks.gathered(None)  # no rank goes on before the folder is whole
    return [*sorted(path.glob(PARTS)), path / METADATA]


def _agreed(ranks: Ranks, model: nn.Module, plan: Plan, build: Callable[[], nn.Module] | None, most: int) -> _Work:
    """Return what is stored and what of it is this rank's, once every rank has found that, for the same plan."""
    error: Exception | None = None
    work: _Work | None = None
    try:
        contents = find_contents(model, plan, build, sharded=True)
        work = _Work(contents, boxes_of(contents, ranks.rank, ranks.count, min(most, CHUNK)))
    except Exception as caught:  # noqa: BLE001 - whatever it is, no other rank shall wait for this one
        error = caught
    found = ranks.compare(plan, [] if error is None else [str(error)])
    if error is not None:
        raise error
    if found or work is None:
        raise WriteError(OPERATION, found)
    return work


def _describe(model: nn.Module, contents: Contents, place: Place) -> None:
    about = {**place.run, "buffers": [entry.name for entry in contents.entries if entry.buffer]}
    put(place.path / ABOUT, json.dumps(about, indent=2).encode() + b"\n")
    described = config(model)
    if described is not None and not (place.path / CONFIG).exists():
        put(place.path / CONFIG, described)


def _save(ranks: Ranks, work: _Work, place: Place, most: int, *, shown: bool) -> None:
    from torch.distributed.checkpoint.api import CheckpointException
    from torch.distributed.checkpoint.state_dict_saver import save

    from initwise.writing.files._checkpoint import DrawingPlanner, Writer

    contents = work.contents
    planner = DrawingPlanner(work.boxes, [*(entry.name for entry in contents.entries), *contents.aliases])
    writer = Writer(place.path, most, contents.aliases, shown=shown)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="torch.distributed is disabled")  # one process is fine
            save({}, storage_writer=writer, planner=planner, process_group=ranks.group)
    except CheckpointException as error:
        if ranks.rank == 0:
            place.give_up()
        raise _as_ours(error.failures, place.path, ranks.count) from error


def _as_ours(failures: Mapping[int, tuple[BaseException, object]], path: Path, count: int) -> BaseException:
    """Return one error for what went wrong on some ranks, the same on all; an interrupt stays one."""
    problems: list[str] = []
    for rank, (error, _) in sorted(failures.items()):
        if not isinstance(error, Exception):
            return error
        where = f"rank {rank}: " if count > 1 else ""
        problems += [where + problem for problem in _told(path, error)]
    return WriteError(OPERATION, problems)


def _problems(path: Path, work: Callable[[], object]) -> list[str]:
    """Do some work, and return what is wrong instead of raising it."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - every rank shall hear of it
        return _told(path, error)
    return []


def _told(path: Path, error: Exception) -> list[str]:
    if isinstance(error, ProblemsError):
        return list(error.problems)
    if isinstance(error, OSError):
        words = error.strerror or str(error)
        return [f"{path}: writing failed: {words}; nothing of it stays; mend it, or choose another folder"]
    return [f"{type(error).__name__}: {error}"]
