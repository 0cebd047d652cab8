"""A state as sharded safetensors in a folder: drawn and written file by file, resumed, and looked at once more."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from torch import nn

from initwise.errors import WriteError
from initwise.writing._progress import Bytes
from initwise.writing.files._config import CONFIG, config
from initwise.writing.files._disk import publish, put, temporary
from initwise.writing.files._entries import OPERATION, Contents
from initwise.writing.files._folder import Folder
from initwise.writing.files._pipe import Pipe, Sink
from initwise.writing.files._recheck import recheck
from initwise.writing.files._runs import runs
from initwise.writing.files._safetensors import unknown_dtype
from initwise.writing.files._split import INDEX, PartFile, index, split


class Sharded(NamedTuple):
    """What was written: the files, how many of them were there before, and how many elements were rechecked."""

    files: list[Path]
    kept: int
    rechecked: int


def write_sharded(
    model: nn.Module,
    contents: Contents,
    path: Path,
    *,
    most: int,
    told: Mapping[str, str],
    resume: bool,
    progress: bool,
) -> Sharded:
    """Write what a model stores into a folder, in files of at most `most` bytes that say of themselves what is `told`.

    Raises:
        WriteError: a dtype that files lack; a folder that holds something else; an error of the system.
    """
    unknown = [unknown_dtype(entry.name, entry.dtype) for entry in contents.entries]
    if found := [problem for problem in unknown if problem is not None]:
        raise WriteError(OPERATION, found)
    parts = split(contents, most, told)
    place = Folder(path, parts, index(parts, told), {**told, "max_shard_size": most})
    with _explained(path, parts), place.opened():
        done = place.finished(resume=resume)
        missing = [part for part in parts if part.name not in done]
        place.begin(missing)
        described = config(model)
        if described is not None and not (path / CONFIG).exists():
            put(path / CONFIG, described)
        write_parts_to(missing, path, progress=progress)
        rechecked = _rechecked(parts, path)
        place.end()
    names = [part.name for part in parts] + ([INDEX] if len(parts) > 1 else [])
    return Sharded([path / name for name in names], len(done), rechecked)


def write_parts_to(parts: Sequence[PartFile], path: Path | None, *, progress: bool = True) -> None:
    """Draw and write files; each appears under its name once it is on the disk. Without a path, bytes go nowhere."""
    with Bytes(sum(part.nbytes for part in parts), shown=progress) as count, Pipe() as pipe:
        for part in parts:
            if path is None:
                _pour(part, _Nowhere(), pipe, count)
            else:
                _write_part(part, path / part.name, pipe, count)


def _write_part(part: PartFile, place: Path, pipe: Pipe, count: Bytes) -> None:
    file = temporary(place).open("wb", buffering=0)

    def whole() -> None:
        file.close()
        publish(place)

    def give_up() -> None:
        file.close()
        with suppress(OSError):
            temporary(place).unlink(missing_ok=True)

    pipe.on_failure(give_up)
    _pour(part, file, pipe, count)
    pipe.end(whole)


def _pour(part: PartFile, sink: Sink, pipe: Pipe, count: Bytes) -> None:
    pipe.write(sink, part.header)
    for entry in part.entries:
        for run in runs(entry, pipe.memory):
            pipe.write(sink, run)
            count.advance(run.numel())


class _Nowhere:
    """Takes bytes and forgets them."""

    def write(self, data: memoryview, /) -> int:
        return len(data)


def _rechecked(parts: Sequence[PartFile], path: Path) -> int:
    found = [recheck(part, path / part.name) for part in parts]
    if problems := [problem for each in found for problem in each.problems]:
        raise WriteError(OPERATION, problems)
    return sum(each.elements for each in found)


@contextmanager
def _explained(path: Path, parts: Sequence[PartFile]) -> Iterator[None]:
    """Turn errors of the system into ours."""
    try:
        yield
    except OSError as error:
        whole = sum(os.path.isfile(path / part.name) for part in parts)  # noqa: PTH113 - False where nobody may look
        raise WriteError(
            OPERATION,
            [
                f"{path}: writing failed: {error.strerror or error}; {whole} of {len(parts)} files are whole and stay; "
                "mend it, and run this again to go on"
            ],
        ) from error
