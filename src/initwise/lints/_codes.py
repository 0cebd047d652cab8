"""Codes as users write them: whole ones, or the beginning of one for a family or a group."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from initwise._arguments import Arguments, nearest, show
from initwise.findings import CATALOGUE, matching


def unknown(code: str) -> str:
    """Return what is wrong with a code or a beginning of codes; empty where the catalogue has some.

    >>> unknown("SYM"), unknown("SYM301")
    ('', '')
    """
    if matching(code):
        return ""
    near = nearest(code, CATALOGUE)
    return f"there is no code {code!r}{near or '; there are ' + ', '.join(CATALOGUE) + ', and beginnings such as SYM'}"


def codes(given: Any, operation: str) -> tuple[str, ...] | None:
    """Return codes and beginnings of codes as they are selected by; None, which selects all, stays.

    Raises:
        ArgumentError: one is neither; all of them are told.

    >>> codes("SYM", "check"), codes(None, "check")
    (('SYM',), None)
    """
    if given is None:
        return None
    found = (given,) if isinstance(given, str) else tuple(given)
    arguments = Arguments(operation)
    for code in found:
        if not isinstance(code, str):
            arguments.refuse(f"{show(code)} is no code; give strings such as 'SYM301' or 'SYM'", wrong_type=True)
        elif problem := unknown(code):
            arguments.refuse(problem)
    arguments.done()
    return found


def covers(codes: Iterable[str] | None, code: str) -> bool:
    """Tell whether one of these codes or beginnings is about a code; None is about all."""
    return codes is None or any(code.startswith(each) for each in codes)
