"""One model, one question, one verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

import torch
from torch import nn

import initwise as iw
from benchmarks.faults.case import Case
from initwise.findings import Finding, bare

Part = Literal["fault", "twin", "control", "stock"]
Verdict = Literal["found", "noted", "elsewhere", "missed", "clean", "alarm", "failed"]


@dataclass(frozen=True)
class Outcome:
    """What a tool said about one model of a case.

    Attributes:
        case: the case.
        part: which model of it.
        findings: all that was said, as it is told: one finding may speak of many parameters.
        parameters: how many parameters the model has.
        seconds: for the question alone, without building; with it for "record".
        failure: the error, if there was one.
    """

    case: Case
    part: Part
    findings: tuple[Finding, ...] = ()
    parameters: int = 0
    seconds: float = 0.0
    failure: str = ""

    @property
    def alarms(self) -> tuple[Finding, ...]:
        """What is said as an error or a warning; the rest are notes."""
        return tuple(finding for finding in self.findings if finding.severity != "info")

    @property
    def right(self) -> tuple[Finding, ...]:
        """Those alarms that name a faulty parameter with a code that says its fault."""
        return tuple(finding for finding in self.alarms if is_right(self.case, finding))

    @property
    def verdict(self) -> Verdict:
        """In one word; `noted` is right but said as a note, `elsewhere` an alarm about another parameter or fault."""
        if self.failure:
            return "failed"
        if self.part != "fault":
            return "alarm" if self.alarms else "clean"
        if self.right:
            return "found"
        if any(is_right(self.case, finding) for finding in self.findings):
            return "noted"
        return "elsewhere" if self.alarms else "missed"


def is_right(case: Case, finding: Finding) -> bool:
    """Tell whether any of the parameters that a finding speaks of has a label, and its code is one of the case's."""
    names = [bare(each.parameter) for each in finding.each()]
    labelled = any(fnmatchcase(name, label) for name in names for label in case.labels)
    return labelled and finding.code.startswith(case.codes)


def ask(case: Case, part: Part) -> Outcome:
    """Build the model and ask the case's tool about it."""
    build = case.mended if part == "twin" and case.mended is not None else case.build
    torch.manual_seed(0)
    start = time.perf_counter()
    try:
        if case.tool == "record":
            with iw.record() as log:
                model = build()
            return _outcome(case, part, model, log.findings, start)
        model = build()
        start = time.perf_counter()
        return _outcome(case, part, model, _question(case)(model), start)
    except Exception as error:  # noqa: BLE001 - a tool that fails has not found anything, and the rest goes on
        return Outcome(case, part, failure=f"{type(error).__name__}: {error}")


def _question(case: Case) -> Callable[[nn.Module], Sequence[Finding]]:
    if case.tool == "verify":
        exact: Literal["required", True] = "required" if "INI109" in case.codes else True  # its numbers, or its law
        return lambda model: iw.verify(model, case.plan(model), exact=exact).findings if case.plan else ()
    return lambda model: iw.check(model, case.inputs() if case.inputs else None, case.loss).findings


def _outcome(case: Case, part: Part, model: nn.Module, findings: Sequence[Finding], start: float) -> Outcome:
    count = sum(1 for _ in model.parameters())
    return Outcome(case, part, tuple(findings), count, time.perf_counter() - start)
