"""Findings that say the same of many parameters, told as one."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from initwise.findings import Finding

_APART = 3  # so many are told one by one
_NAMED = 4


def gathered(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings, those of one code on parameters whose names differ only in numbers told as one.

    A model of 48 blocks whose rule was wrong has one fault, not 48.
    """
    groups: defaultdict[tuple[str, str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[finding.code, finding.severity, re.sub(r"\d+", "#", finding.parameter)].append(finding)
    return [finding for group in groups.values() for finding in (group if len(group) <= _APART else [together(group)])]


def together(findings: Sequence[Finding]) -> Finding:
    """Return the first of several like findings, with the names of the others in its message."""
    first, *others = findings
    names = ", ".join(each.parameter for each in others[:_NAMED]) + (", ..." if len(others) > _NAMED else "")
    return replace(first, message=f"{first.message}; the same holds for {len(others)} more: {names}")
