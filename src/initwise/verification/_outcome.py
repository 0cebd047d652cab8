"""What became of one part of a parameter: certain findings first, then what statistics has to decide."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from initwise.findings import Finding
from initwise.model import Parameter
from initwise.statistics import Moments
from initwise.verification._agreement import is_ours
from initwise.verification._facts import differs, facts, new_rows
from initwise.verification._rows import Held, Proof
from initwise.verification._scan import Scan
from initwise.verification._tests import Sampled, Test
from initwise.verification._units import Unit

Exact = bool | Literal["required"]


@dataclass(eq=False)
class Outcome:
    """One unit, its findings so far, and its proof; None as long as statistics has not decided."""

    unit: Unit
    moments: Moments
    findings: list[Finding] = field(default_factory=list)
    proof: Proof | None = None
    sampled: Sampled | None = None
    tests: list[Test] = field(default_factory=list)
    p: float | None = None
    others: int = 0
    allowed: tuple[float, float] | None = None

    def held(self) -> Held:
        """Return what a row shows of it."""
        return Held(self.unit.part.label, self.proof or "not testable", self.moments, self.others, self.allowed)


def judged(unit: Unit, scan: Scan, parameter: Parameter, seed: int, exact: Exact) -> Outcome:
    """Return what is certain about a unit."""
    outcome = Outcome(unit, scan.moments)
    agreement = scan.agreement
    if unit.kept:
        outcome.proof = "old" if unit.old else "kept"
    elif not scan.moments.count:
        outcome.proof = "by its law" if unit.complete else "elsewhere"
    elif agreement is not None and agreement.full:
        outcome.proof = "up to rounding" if agreement.rounded else "bit for bit"
    else:
        outcome.findings = facts(unit, scan.moments)
        if agreement is not None and (exact == "required" or is_ours(unit, agreement)):
            outcome.findings.insert(0, differs(unit, agreement))
        outcome.proof = _certain(outcome, parameter, seed, exact)
    return outcome


def _certain(outcome: Outcome, parameter: Parameter, seed: int, exact: Exact) -> Proof | None:
    """Return the proof of what needs no statistics."""
    unit, law = outcome.unit, outcome.unit.law
    if not outcome.moments.finite:
        return "not testable"
    follow = new_rows(unit, parameter, seed) if law is None else None
    if follow is not None:
        outcome.findings += follow
        return "up to rounding"
    if law is None:
        return "not testable"
    if unit.sampled is not None:
        return None
    if law.std == 0:
        return "bit for bit" if exact and not unit.through else "by its law"
    return "by its law" if law.invariants and unit.complete else "not testable"
