"""Where results go: standard output, or a file that appears whole or not at all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from initwise.cli._files import atomic
from initwise.errors import TargetError


@contextmanager
def result(path: Path | None, option: str = "--out", example: str = "plan.json") -> Iterator[Callable[[str], None]]:
    """Give the function that takes the result's text; its place is checked before the block runs."""
    if path is None:
        yield show
        return
    with atomic(path, option, example) as temporary:
        yield lambda text: _to_file(temporary, text)


class ReaderGone(BaseException):
    """Nobody reads standard output any more: `head` or a pager has seen enough. No error, and no `Exception`."""


def show(text: str) -> None:
    """Write a result to standard output."""
    try:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise ReaderGone from None
    except OSError as error:
        raise TargetError(f"standard output: writing failed: {error.strerror or error}.") from error


def note(message: str) -> None:
    """Tell people something that is not part of the result."""
    sys.stderr.write(f"initwise: {message}\n")


def _to_file(temporary: Path, text: str) -> None:
    temporary.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
