"""`Code`: what a kind of finding means, why it matters, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Code:
    """One entry of the catalogue, and the page of documentation that is made from it.

    Attributes:
        code: three letters for the family and a number; it is never given to anything else.
        title: what was found, in a few words.
        severity: what a finding has unless its maker says otherwise.
        meaning: what the check looks at, and when it reports.
        harm: why that is bad.
        example: a few lines of Python that have the fault.
        fix: what to do.
        intended: when it is meant so, and how that is recognised or said.
        reference: where it was described or suffered: a paper, an issue thread.
    """

    code: str
    title: str
    severity: Severity
    meaning: str
    harm: str
    fix: str
    example: str = ""
    intended: str = ""
    reference: str = ""
