"""Codes as users write them: whole ones, or the beginning of one for a family or a group."""

from __future__ import annotations

from collections.abc import Iterable

from initwise._arguments import nearest
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


def covers(codes: Iterable[str] | None, code: str) -> bool:
    """Tell whether one of these codes or beginnings is about a code; None is about all."""
    return codes is None or any(code.startswith(each) for each in codes)
