"""Findings as text: one block for all that say the same of parameters whose names differ only in numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from textwrap import fill

from initwise.findings import Finding
from initwise.reporting._names import common_name, unnumbered

_STYLES = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "info": "\x1b[1;36m"}
_PLAIN = "\x1b[0m"


def listing(findings: Iterable[Finding], *, width: int | None = None) -> str:
    """Return findings in their order, alike ones together; with a width, coloured and folded for a terminal."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in (one for each in findings for one in each.each()):
        groups.setdefault(_alike(finding), []).append(finding)
    blocks = list(groups.values())
    following = [*map(_advice, blocks[1:]), None]  # advice that holds for several blocks stands below the last
    return "\n".join(
        _block(group, width, advised=_advice(group) != after) for group, after in zip(blocks, following, strict=True)
    )


def further(findings: Iterable[Finding]) -> str:
    """Return the line that says where there is more about these codes.

    >>> further([])
    ''
    """
    codes = list(dict.fromkeys(finding.code for finding in findings))
    others = f" (also {', '.join(codes[1:])})" if codes[1:] else ""
    return f"More: initwise explain {codes[0]}{others}" if codes else ""


def _alike(finding: Finding) -> tuple[str, ...]:
    return finding.severity, finding.code, unnumbered(finding.parameter), _numberless(finding.message), finding.fix


def _numberless(text: str) -> str:
    return re.sub(r"\d[\d,.]*(e[-+]?\d+)?", "#", text)


def _advice(group: Sequence[Finding]) -> tuple[str, str, str]:
    return group[0].severity, group[0].code, group[0].fix


def _block(group: Sequence[Finding], width: int | None, *, advised: bool) -> str:
    first = group[0]
    name = common_name([each.parameter for each in group])
    many = f" ({len(group)} alike)" if len(group) > 1 else ""
    differ = len({(each.message, each.measured, each.expected) for each in group}) > 1
    lines = [
        f"{first.severity} {first.code} {name}{many}: {first.message}",
        f"    measured {first.measured}; expected {first.expected}{' (the first of them)' if differ else ''}",
    ]
    lines += [f"    fix: {first.fix}"] if advised and first.fix else []
    if width is None:
        return "\n".join(lines)
    folded = [_folded(line, width) for line in lines]
    folded[0] = _STYLES[first.severity] + folded[0].replace(" ", f"{_PLAIN} ", 1)
    return "\n".join(folded)


def _folded(line: str, width: int) -> str:
    return fill(line, max(width, 40), subsequent_indent="      ", break_long_words=False, break_on_hyphens=False)
