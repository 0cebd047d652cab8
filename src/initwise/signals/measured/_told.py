"""Errors of a measured pass, in the name of the function that was called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from initwise.errors import InitwiseError, ProblemsError


@contextmanager
def told() -> Iterator[None]:
    """Say in errors that they come from `measure`."""
    try:
        yield
    except ProblemsError as error:
        if error.operation == "measure":
            raise
        raise type(error)(f"measure: {error.operation}", error.problems) from error.__cause__
    except InitwiseError as error:
        message = str(error)
        if message.startswith("measure: "):
            raise
        raise type(error)(f"measure: {message.removeprefix('probe: ')}") from error.__cause__
