"""Checks of arguments: everything that is wrong with one call is told in one error."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from initwise.errors import ArgumentError, ArgumentTypeError


def nearest(name: object, known: Iterable[str], count: int = 3) -> str:
    """Return a hint like ``; did you mean 'relu' or 'selu'?``; empty where nothing is near."""
    names = {entry.lower(): entry for entry in known}
    near = [repr(names[match]) for match in difflib.get_close_matches(str(name).lower(), names, count, 0.5)]
    return f"; did you mean {' or '.join(near)}?" if near else ""


def show(value: object) -> str:
    """Return `value` as one short line for a message."""
    text = " ".join(repr(value).split("\n"))
    return text if len(text) <= 60 else f"{text[:57]}..."


class Arguments:
    """Checks the arguments of one operation and collects what is wrong, until `done` raises it together.

    Each check returns the value in its stored form (numbers as `float`), or a harmless one where it refused.
    """

    def __init__(self, operation: str) -> None:
        self.operation = operation
        self._problems: list[str] = []
        self._wrong_type = False

    def refuse(self, problem: str, *, wrong_type: bool = False) -> None:
        """Note a problem: a sentence that says what was found and what is allowed."""
        self._problems.append(problem)
        self._wrong_type = self._wrong_type or wrong_type

    def number(self, name: str, value: Any) -> float:
        """Check a finite real number (Python's or NumPy's; `bool` is none)."""
        if isinstance(value, bool) or not isinstance(value, Real):
            self.refuse(f"{name} is {show(value)} of type {type(value).__name__}, not a number", wrong_type=True)
            return 1.0
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            self.refuse(f"{name} is {number}, and must be finite")
            return 1.0
        return number

    def integer(self, name: str, value: Any, *, least: int) -> int:
        """Check a whole number of at least `least`."""
        if isinstance(value, bool) or not isinstance(value, Integral):
            self.refuse(f"{name} is {show(value)} of type {type(value).__name__}, not an integer", wrong_type=True)
            return least
        if value < least:
            self.refuse(f"{name} is {value}, and must be at least {least}")
        return int(value)

    def flag(self, name: str, value: Any) -> bool:
        """Check a `bool`."""
        if not isinstance(value, bool):
            self.refuse(f"{name} is {show(value)} of type {type(value).__name__}, not True or False", wrong_type=True)
        return bool(value)

    def choice(self, name: str, value: Any, allowed: Iterable[str]) -> str:
        """Check that `value` is one of the `allowed` words."""
        words = tuple(allowed)
        if not isinstance(value, str):
            self.refuse(f"{name} is {show(value)}, and must be one of {', '.join(map(repr, words))}", wrong_type=True)
        elif value not in words:
            self.refuse(f"{name} is {value!r}, and must be one of {', '.join(map(repr, words))}{nearest(value, words)}")
        return str(value)

    def done(self) -> None:
        """Raise one error for all problems; do nothing where there was none."""
        if self._problems:
            kind = ArgumentTypeError if self._wrong_type else ArgumentError
            raise kind(f"{self.operation}: {'; '.join(self._problems)}")
