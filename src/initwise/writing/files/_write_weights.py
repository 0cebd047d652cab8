"""`write_weights`: the weights of a plan in files, without a model in memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import nn

from initwise._arguments import show
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.planning import Plan, refuse_other_than_plan
from initwise.random import STREAM_VERSION
from initwise.writing.files._dcp import write_checkpoint
from initwise.writing.files._entries import OPERATION, find_contents
from initwise.writing.files._sharded import write_sharded
from initwise.writing.files._size import size_in_bytes

Layout = Literal["safetensors", "dcp"]


@dataclass(frozen=True)
class Written:
    """What a call wrote.

    Attributes:
        folder: where.
        files: the names of all files of weights, the index included.
        nbytes: the size of all of them.
        kept: how many of them an earlier run had finished.
        rechecked: how many elements were read back and drawn again: they are in the files as planned.
    """

    folder: Path
    files: tuple[str, ...]
    nbytes: int
    kept: int = 0
    rechecked: int = 0


def write_weights(
    model: nn.Module,
    plan: Plan,
    folder: str | os.PathLike[str],
    *,
    max_shard_size: str | int = "5GB",
    layout: Layout = "safetensors",
    build: Callable[[], nn.Module] | None = None,
    resume: bool = True,
    progress: bool = True,
) -> Written:
    """Write what `apply` would give a model into files, part by part; the model may be on meta and larger than memory.

        the tensors in the files == model.state_dict() after apply(model, plan), bit for bit, ties once

    Parameters are drawn in runs of 8 MB into memory that is used again, while another thread writes. Laws that are
    drawn at once (orthogonal, sparse, `Custom`) need their whole parameter in memory, one at a time. The model itself
    is only read.

    `layout="safetensors"`: files of at most `max_shard_size` with an index, named and divided as transformers does, and
    `config.json` beside them for a model of transformers, so that `from_pretrained` takes the folder. One process
    writes. Each file appears by a rename once it is on the disk, the index last, and while something is missing
    `initwise-unfinished.json` says so. After an interruption the same call goes on behind the last finished file, and
    the result is the same, byte for byte.

    `layout="dcp"`: a checkpoint of `torch.distributed.checkpoint`, whose `load` reads it in any number of processes.
    Every rank of the default process group calls; each draws and writes its own part, that of its DTensors, or of plain
    tensors an even share. `.metadata` comes last, and nothing reads a checkpoint without it. After an interruption it
    is written anew.

    Before the index of safetensors is written, three stretches of 1024 elements of each tensor are read from the files
    and drawn again: a file that was damaged at large, or is another's, is found. Laws that are drawn at once are left
    out. Every element is looked at by `initwise.digest(folder)`.

    Args:
        model: the model that was planned, on meta or in memory, in the dtype that the files shall have.
        plan: what `initwise.plan` returned for it.
        folder: where; made if it is missing. Other files in it stay; `config.json` too, if there is one.
        max_shard_size: of a file: "5GB", "500MB", "1GiB", or bytes. A larger tensor has a file of its own.
        layout: "safetensors" or "dcp".
        build: constructs the model, for values that no plan decides (persistent buffers, parameters under `Keep()`) and
            that a model on meta cannot tell; as for `materialize`.
        resume: go on with an interrupted run of the same plan and options; False refuses a folder with weights, as
            `layout="dcp"` always does.
        progress: tell on standard error how far it is: a bar on a terminal, else a line every 30 seconds.

    Returns:
        The folder, its files and their size.

    Raises:
        WriteError: model and plan do not fit, values cannot be known, the folder holds other weights or a damaged part,
            another process writes there, the disk is full, or ranks differ; what is finished of safetensors stays; what
            is not whole is never presented as whole.
        ArgumentError: an option has a value that is not allowed.

    >>> import tempfile, torch, initwise as iw
    >>> with torch.device("meta"):
    ...     model = nn.Linear(8, 4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     iw.write_weights(model, iw.plan(model, "kaiming", seed=1), folder).files
    ('model.safetensors',)
    """
    refuse_other_than_plan(OPERATION, plan)
    if not isinstance(model, nn.Module):
        raise ArgumentTypeError(f"{OPERATION}: the model is {show(model)}; give a torch.nn.Module")
    if layout not in ("safetensors", "dcp"):
        raise ArgumentError(f'{OPERATION}: layout is {show(layout)}; give "safetensors" or "dcp"')
    try:
        most = size_in_bytes(max_shard_size)
    except ArgumentError as error:
        raise type(error)(f"{OPERATION}: {error}") from None
    if not isinstance(folder, (str, os.PathLike)):
        raise ArgumentTypeError(f"{OPERATION}: the folder is {show(folder)}; give a path")
    path, told = Path(folder), metadata(plan)
    if layout == "dcp":
        return _written(path, write_checkpoint(model, plan, path, most=most, told=told, build=build, progress=progress))
    contents = find_contents(model, plan, build)
    made = write_sharded(model, contents, path, most=most, told=told, resume=resume, progress=progress)
    return _written(path, made.files, made.kept, made.rechecked)


def metadata(plan: Plan) -> dict[str, str]:
    """What files say of themselves: enough to make the same weights again."""
    return {
        "plan_digest": plan.digest(),
        "seed": str(plan.seed),
        "stream_version": str(STREAM_VERSION),
        "recipe": plan.recipe,
        "initwise_version": sys.modules["initwise"].__version__,
    }


def _written(path: Path, files: Sequence[Path], kept: int = 0, rechecked: int = 0) -> Written:
    size = sum(each.stat().st_size for each in files)
    return Written(path, tuple(each.name for each in files), size, kept, rechecked)
