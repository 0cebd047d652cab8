"""Stub."""
from collections.abc import Sequence

from initwise.planning._row import Row


def to_python(rows: Sequence[Row]) -> str:
    raise NotImplementedError
