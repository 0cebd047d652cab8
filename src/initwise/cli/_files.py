"""Files that appear whole or not at all: written beside their place, flushed to disk, then renamed into it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from initwise.errors import TargetError
from initwise.writing.files import flush


@contextmanager
def atomic(path: Path, option: str = "--out", example: str = "weights.safetensors") -> Iterator[Path]:
    """Give a new, empty temporary file in the folder of `path`; rename it to `path` when the block ends well.

    The place is tried on entry, before any work: a missing or read-only folder, or a folder as path, is a
    `TargetError` that names `option`, and for a folder a file in it, called `example`. On any error, interrupt
    included, the temporary file is removed.
    """
    place = Path(os.path.realpath(path))  # A link stays a link: what it points to is replaced.
    _check(place, path, option, example)
    temporary = place.with_name(f".{place.name}.{secrets.token_hex(4)}.tmp")
    try:
        _create(temporary, f"{option} {path}")
        yield temporary
        _publish(temporary, place, f"{option} {path}")
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _check(place: Path, path: Path, option: str, example: str) -> None:
    """Refuse a place where no file can stand, in the words of the user's path."""
    if place.is_dir():
        inside = os.path.join(path, example)  # noqa: PTH118 - a Path would drop the ./
        raise TargetError(f"{option} {path}: this is a folder; give the path of a file, such as {inside}.")
    if place.exists() and not place.is_file():
        raise TargetError(f"{option} {path}: this is no regular file; give the path of one.")
    if not place.parent.is_dir():
        kind = "is no folder" if place.parent.exists() else "does not exist"
        raise TargetError(f"{option} {path}: its folder {place.parent} {kind}; create it, or choose another path.")


def _create(temporary: Path, what: str) -> None:
    try:
        # Not tempfile: its files are private (0600), and the rename would keep that.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        raise TargetError(
            f"{what}: nothing can be written in {temporary.parent}: {error.strerror or error};"
            " make that folder writable, or choose another path."
        ) from error


def _publish(temporary: Path, place: Path, what: str) -> None:
    try:
        flush(temporary)
        temporary.replace(place)
        flush(place.parent)
    except OSError as error:
        raise TargetError(f"{what}: writing failed: {error.strerror or error}.") from error
