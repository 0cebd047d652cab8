"""From findings to a report: what is suppressed, known, told together, and the verdict on each parameter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from initwise.findings import SEVERITIES, Finding, bare
from initwise.lints._baseline import Baseline, compared, read_baseline
from initwise.lints._codes import covers
from initwise.lints._configuration import Configuration
from initwise.lints._gather import gathered
from initwise.lints._rows import checked_rows, table
from initwise.lints._subject import Subject
from initwise.lints._suppression import Suppression, set_aside
from initwise.model import Reading, places
from initwise.reporting import Report

_MEASURED = ("SIG", "GRD")  # families that need inputs


def reported(subject: Subject, findings: Iterable[Finding], wanted: Configuration) -> Report:
    """Return the report of a check, once the project has had its say: what it selects, suppresses, and knows."""
    reading = subject.reading
    baseline = wanted.baseline
    if baseline is not None and not isinstance(baseline, Baseline):
        baseline = read_baseline(baseline)
    apart, told = _apart(each for each in findings if covers(wanted.select, each.code))
    chosen = _sorted(apart, reading)
    standing, suppressed, idle = set_aside(chosen, wanted.suppress, reading)
    report = Report(f"check {type(reading.modules['']).__name__}", table(()), places=places(reading), listed=False)
    asked = partial(_is_asked, subject, wanted)
    notes = [*reading.notes, *subject.notes, *_idle([each for each in idle if asked(each.code)])]
    known: tuple[Finding, ...] = ()
    if baseline is not None:
        held = compared(standing, report, baseline)
        standing, known = list(held.new), held.known
        notes += _gone([entry for entry in held.gone if asked(entry.code)])
    rows = checked_rows(subject, standing, suppressed, known)
    return replace(
        report,
        table=table(rows),
        rows=rows,
        findings=tuple(gathered(standing, told)),
        suppressed=tuple(suppressed),
        known=known,
        notes=tuple(dict.fromkeys(notes)),
    )


def _apart(findings: Iterable[Finding]) -> tuple[list[Finding], dict[int, int]]:
    """Return findings parameter by parameter, and which of them a lint told together.

    Suppressions, baselines and rows are about single parameters; what is left of a group is told together again.
    """
    apart: list[Finding] = []
    told: dict[int, int] = {}
    for number, finding in enumerate(findings):
        each = finding.each()
        apart += each
        told |= {id(one): number for one in each} if len(each) > 1 else {}
    return apart, told


def _sorted(findings: Sequence[Finding], reading: Reading) -> list[Finding]:
    order = {name: index for index, each in enumerate(reading.parameters) for name in each.names}
    for name, index in list(order.items()):  # a module stands where its first parameter does
        parts = name.split(".")
        for length in range(1, len(parts)):
            order.setdefault(".".join(parts[:length]), index)

    def place(finding: Finding) -> tuple[int, int, str]:
        return SEVERITIES.index(finding.severity), order.get(bare(finding.parameter), len(order)), finding.code

    return sorted(findings, key=place)


def _is_asked(subject: Subject, wanted: Configuration, code: str) -> bool:
    """Tell whether this run could have found a code: it was selected, and measured where that is what it takes."""
    return covers(wanted.select, code) and (subject.probe is not None or not code.startswith(_MEASURED))


def _idle(idle: Sequence[Suppression]) -> list[str]:
    return [f"no finding matched the suppression {each}; delete it if it has done its work" for each in idle]


def _gone(gone: Sequence[Any]) -> list[str]:
    if not gone:
        return []
    shown = ", ".join(f"{entry.code} {entry.parameter}" for entry in gone[:4])
    more = f" and {len(gone) - 4} more" if len(gone) > 4 else ""
    return [f"the baseline holds what no longer occurs: {shown}{more}; write it anew"]
