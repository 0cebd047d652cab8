"""`Finding`: one thing that is not as it should be."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, get_args

from initwise.errors import ArgumentError
from initwise.findings._code import Severity
from initwise.findings.catalogue import CATALOGUE

_NAMED = 4  # of the others, in words


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was asked for: where, measured, expected, and what to do.

    `code` is a key of `CATALOGUE`; `confidence` is the probability, 0 to 1, that this is no accident of the draw.
    `others` are findings that say the same of other parameters: a wrong rule in a model of 48 blocks is one fault.
    """

    code: str
    severity: Severity
    confidence: float
    parameter: str
    message: str
    measured: str
    expected: str
    fix: str
    others: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        if self.code not in CATALOGUE:
            raise ArgumentError(f"Finding: code {self.code!r} is unknown; the catalogue holds {', '.join(CATALOGUE)}.")
        if self.severity not in get_args(Severity):
            raise ArgumentError(f"Finding: severity {self.severity!r} is not one of {', '.join(get_args(Severity))}.")
        if not 0.0 <= self.confidence <= 1.0:
            raise ArgumentError(f"Finding: confidence must lie in 0 to 1, got {self.confidence!r}.")

    def each(self) -> tuple[Finding, ...]:
        """Return this finding about its own parameter alone, and the others."""
        return (replace(self, others=()), *self.others) if self.others else (self,)

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain data, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        names = ", ".join(other.parameter for other in self.others[:_NAMED]) + (", ..." if self.others[_NAMED:] else "")
        more = f"; the same of {len(self.others)} more: {names}" if self.others else ""
        return (
            f"{self.severity} {self.code} {self.parameter}: {self.message}{more}\n"
            f"    measured {self.measured}; expected {self.expected}\n"
            f"    fix: {self.fix}"
        )


def found(
    code: str,
    parameter: str,
    message: str,
    measured: str,
    expected: str,
    fix: str = "",
    *,
    confidence: float = 1.0,
    severity: Severity | None = None,
) -> Finding:
    """Make a finding of the catalogue; its severity and advice stand unless others are given.

    >>> found("INI107", "emb.weight", "the padding row 0 is not zero", "largest |w| 1.2", "0").severity
    'error'
    """
    if code not in CATALOGUE:
        raise ArgumentError(f"found: code {code!r} is unknown; the catalogue holds {', '.join(CATALOGUE)}.")
    entry = CATALOGUE[code]
    return Finding(
        code, severity or entry.severity, confidence, parameter, message, measured, expected, fix or entry.fix
    )
