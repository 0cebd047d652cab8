"""Files that appear whole or not at all: written under another name, put on the disk, renamed."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def temporary(place: Path) -> Path:
    """Return the name under which a file is written until it is whole; the same each time, so that a rest is found."""
    return place.with_name(f".{place.name}.tmp")


def publish(place: Path) -> None:
    """Rename what is whole to its place, for good: the bytes first, then the name."""
    flush(temporary(place))
    temporary(place).replace(place)
    flush(place.parent)


def put(place: Path, data: bytes) -> None:
    """Write a small file, whole or not at all."""
    try:
        temporary(place).write_bytes(data)
        publish(place)
    finally:
        with suppress(OSError):
            temporary(place).unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Ask the system to put a file, or the list of a folder's files, on the disk."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return  # Windows opens no folders; the rename is on its way all the same.
    try:
        os.fsync(handle)
    except OSError:
        if path.is_file():
            raise
    finally:
        os.close(handle)
