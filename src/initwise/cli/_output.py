"""Where results go: standard output, or a file that appears whole or not at all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from initwise.cli._files import atomic


@contextmanager
def result(path: Path | None, option: str = "--out") -> Iterator[Callable[[str], None]]:
    """Give the function that takes the result's text; its place is checked before the block runs."""
    if path is None:
        yield show
        return
    with atomic(path, option) as temporary:
        yield lambda text: _to_file(temporary, text)


def show(text: str) -> None:
    """Write a result to standard output."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def note(message: str) -> None:
    """Tell people something that is not part of the result."""
    sys.stderr.write(f"initwise: {message}\n")


def _to_file(temporary: Path, text: str) -> None:
    temporary.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
