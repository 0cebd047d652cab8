"""Choosing among codes and severities: a code, the beginning of one, or a level and all above it."""

from __future__ import annotations

from initwise.findings._code import Severity
from initwise.findings.catalogue import CATALOGUE

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")  # the worst first


def matching(prefix: str) -> tuple[str, ...]:
    """Return the codes of the catalogue that begin so; one that is none gives nothing.

    >>> matching("INI101"), matching("INI9"), len(matching("INI")) > 5
    (('INI101',), (), True)
    """
    return tuple(code for code in CATALOGUE if prefix and code.startswith(prefix))


def at_least(severity: Severity, level: Severity) -> bool:
    """Tell whether a severity is the level or worse.

    >>> at_least("error", "warning"), at_least("info", "warning")
    (True, False)
    """
    return SEVERITIES.index(severity) <= SEVERITIES.index(level)
