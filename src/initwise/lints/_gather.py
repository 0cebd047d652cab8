"""Findings that say the same of many parameters, told as one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from initwise.findings import Finding
from initwise.reporting import unnumbered

_APART = 3  # so many are told one by one


def gathered(findings: Iterable[Finding], told: Mapping[int, int] | None = None) -> list[Finding]:
    """Return the findings, those of one code on parameters whose names differ only in numbers told as one.

    A model of 48 blocks whose rule was wrong has one fault, not 48. `told` says by identity which findings a lint has
    told together already: `{id(finding): number of the group}`.
    """
    groups: defaultdict[tuple[Any, ...], list[Finding]] = defaultdict(list)
    for finding in findings:
        number = (told or {}).get(id(finding))
        alike = (finding.code, finding.severity, unnumbered(finding.parameter))
        groups[alike if number is None else (number,)].append(finding)
    return [
        finding
        for key, group in groups.items()
        for finding in (group if len(group) <= (_APART if len(key) > 1 else 1) else [together(group)])
    ]


def together(findings: Sequence[Finding]) -> Finding:
    """Return the first of several like findings, with the others in it."""
    first, *others = findings
    return replace(first, others=tuple(others))
