"""`write_weights`: the weights of a plan in files, without a model in memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from initwise._arguments import show
from initwise.errors import ArgumentError, ArgumentTypeError, WriteError
from initwise.planning import Plan, refuse_other_than_plan
from initwise.random import STREAM_VERSION
from initwise.writing._progress import Bytes
from initwise.writing.files._config import CONFIG, config
from initwise.writing.files._disk import publish, put, temporary
from initwise.writing.files._entries import OPERATION, Contents, find_contents
from initwise.writing.files._folder import Folder
from initwise.writing.files._pipe import Pipe, Sink
from initwise.writing.files._runs import runs
from initwise.writing.files._safetensors import unknown_dtype
from initwise.writing.files._size import size_in_bytes
from initwise.writing.files._split import INDEX, PartFile, index, split


@dataclass(frozen=True)
class Written:
    """What a call wrote.

    Attributes:
        folder: where.
        files: the names of all files of weights, the index included.
        nbytes: the size of all of them.
        kept: how many of them an earlier run had finished.
    """

    folder: Path
    files: tuple[str, ...]
    nbytes: int
    kept: int = 0


def write_weights(
    model: nn.Module,
    plan: Plan,
    folder: str | os.PathLike[str],
    *,
    max_shard_size: str | int = "5GB",
    build: Callable[[], nn.Module] | None = None,
    resume: bool = True,
) -> Written:
    """Write what `apply` would give a model into files, part by part; the model may be on meta and larger than memory.

        the tensors in the files == model.state_dict() after apply(model, plan), bit for bit, ties once

    Parameters are drawn in runs of 8 MB into memory that is used again, while another thread writes. Laws that are
    drawn at once (orthogonal, sparse, `Custom`) need their whole parameter in memory, one at a time. The model itself
    is only read.

    The files are safetensors of at most `max_shard_size` with an index, named and divided as transformers does, and
    `config.json` beside them for a model of transformers, so that `from_pretrained` takes the folder. One process
    writes. Each file appears by a rename once it is on the disk, the index last, and while something is missing
    `initwise-unfinished.json` says so. After an interruption the same call goes on behind the last finished file, and
    the result is the same, byte for byte.

    Args:
        model: the model that was planned, on meta or in memory, in the dtype that the files shall have.
        plan: what `initwise.plan` returned for it.
        folder: where; made if it is missing. Other files in it stay; `config.json` too, if there is one.
        max_shard_size: of a file: "5GB", "500MB", "1GiB", or bytes. A larger tensor has a file of its own.
        build: constructs the model, for values that no plan decides (persistent buffers, parameters under `Keep()`) and
            that a model on meta cannot tell; as for `materialize`.
        resume: go on with an interrupted run of the same plan and options; False refuses a folder with weights.

    Returns:
        The folder, its files and their size.

    Raises:
        WriteError: model and plan do not fit, values cannot be known, the folder holds other weights or a damaged part,
            another process writes there, or the disk is full; what is finished stays, and is never presented as whole.
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
    try:
        most = size_in_bytes(max_shard_size)
    except ArgumentError as error:
        raise type(error)(f"{OPERATION}: {error}") from None
    return _write_safetensors(model, plan, Path(folder), find_contents(model, plan, build), most, resume=resume)


def metadata(plan: Plan) -> dict[str, str]:
    """What files say of themselves: enough to make the same weights again."""
    return {
        "plan_digest": plan.digest(),
        "seed": str(plan.seed),
        "stream_version": str(STREAM_VERSION),
        "recipe": plan.recipe,
        "initwise_version": sys.modules["initwise"].__version__,
    }


def _write_safetensors(
    model: nn.Module, plan: Plan, path: Path, contents: Contents, most: int, *, resume: bool
) -> Written:
    unknown = [unknown_dtype(entry.name, entry.dtype) for entry in contents.entries]
    if found := [problem for problem in unknown if problem is not None]:
        raise WriteError(OPERATION, found)
    told = metadata(plan)
    parts = split(contents, most, told)
    place = Folder(path, parts, index(parts, told), {**told, "max_shard_size": most})
    with _told(path, len(parts)), place.opened():
        done = place.finished(resume=resume)
        missing = [part for part in parts if part.name not in done]
        if missing:
            place.begin(missing)
        described = config(model)
        if described is not None and not (path / CONFIG).exists():
            put(path / CONFIG, described)
        write_parts_to(missing, path)
        place.end()
    names = [part.name for part in parts] + ([INDEX] if len(parts) > 1 else [])
    return Written(path, tuple(names), sum((path / name).stat().st_size for name in names), len(done))


def write_parts_to(parts: Sequence[PartFile], path: Path | None) -> None:
    """Draw and write files; each appears under its name once it is on the disk. Without a path, bytes go nowhere."""
    with Bytes(sum(part.nbytes for part in parts)) as progress, Pipe() as pipe:
        for part in parts:
            if path is None:
                _pour(part, _Nowhere(), pipe, progress)
                continue
            _write_part(part, path / part.name, pipe, progress)


def _write_part(part: PartFile, place: Path, pipe: Pipe, progress: Bytes) -> None:
    file = temporary(place).open("wb", buffering=0)

    def whole() -> None:
        file.close()
        publish(place)

    def give_up() -> None:
        file.close()
        with suppress(OSError):
            temporary(place).unlink(missing_ok=True)

    pipe.on_failure(give_up)
    _pour(part, file, pipe, progress)
    pipe.end(whole)


def _pour(part: PartFile, sink: Sink, pipe: Pipe, progress: Bytes) -> None:
    pipe.write(sink, part.header)
    for entry in part.entries:
        for run in runs(entry, pipe.memory):
            pipe.write(sink, run)
            progress.advance(run.numel())


class _Nowhere:
    """Takes bytes and forgets them."""

    def write(self, data: memoryview, /) -> int:
        return len(data)


@contextmanager
def _told(path: Path, count: int) -> Iterator[None]:
    """Turn errors of the system into ours."""
    try:
        yield
    except OSError as error:
        whole = sum(each.is_file() for each in path.glob("model*.safetensors"))
        raise WriteError(
            OPERATION,
            [
                f"{path}: writing failed: {error.strerror or error}; {whole} of {count} files are whole and stay; mend "
                "it, and run this again to go on"
            ],
        ) from error
