"""One row for each parameter that was checked: what it is, what it holds, and the verdict."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from initwise.findings import Column, Finding, Table, bare
from initwise.lints._subject import Subject
from initwise.model import Parameter
from initwise.reporting import Suppressed

_COLUMNS = (
    Column("parameter"),
    Column("elements", "right"),
    Column("operation", spare=True),
    Column("role", spare=True),
    Column("mean", "right"),
    Column("std", "right"),
    Column("verdict"),
)


@dataclass(frozen=True, slots=True)
class CheckedParameter:
    """One parameter of a check.

    Attributes:
        name, elements: its canonical name and its size.
        role, operation: how the model uses it; None where that is unknown.
        mean, std: of its values; None where they are not all finite, or there are none.
        verdict: "ok"; the codes of its findings; or "not analysed: " and the reason.
    """

    name: str
    elements: int
    role: str | None
    operation: str | None
    mean: float | None
    std: float | None
    verdict: str

    def cells(self) -> tuple[str, ...]:
        """The row as text, for a table."""
        mean, std = ("" if each is None else f"{each:.4g}" for each in (self.mean, self.std))
        return self.name, f"{self.elements:,}", self.operation or "", self.role or "", mean, std, self.verdict


def checked_rows(
    subject: Subject, findings: Iterable[Finding], suppressed: Iterable[Suppressed], known: Iterable[Finding]
) -> tuple[CheckedParameter, ...]:
    """Return the rows of a check in the order of the model."""
    said: defaultdict[str, list[str]] = defaultdict(list)
    for words, some in (("", findings), ("suppressed ", (each.finding for each in suppressed)), ("known ", known)):
        for finding in some:
            parameter = subject.reading.by_name.get(bare(finding.parameter))
            if parameter is not None:
                said[parameter.name].append(words + finding.code)
    return tuple(_row(subject, each, list(dict.fromkeys(said[each.name]))) for each in subject.reading.parameters)


def table(rows: Sequence[CheckedParameter]) -> Table:
    """Return the rows as a table."""
    return Table("", _COLUMNS, tuple(row.cells() for row in rows))


def _row(subject: Subject, parameter: Parameter, said: Sequence[str]) -> CheckedParameter:
    mean, std = _measured(subject, parameter)
    verdict = ", ".join(said) or (f"not analysed: {reason}" if (reason := _unanalysed(parameter)) else "ok")
    shown = parameter.name, parameter.numel(), parameter.role, parameter.operation
    return CheckedParameter(*shown, mean, std, verdict)


def _unanalysed(parameter: Parameter) -> str:
    """Return why no lint looks at a parameter; empty where some do."""
    if not parameter.numel():
        return "it has no elements"
    dtype = parameter.dtype
    if not dtype.is_floating_point and not dtype.is_complex:
        return f"its values are of {dtype}"
    return ""


def _measured(subject: Subject, parameter: Parameter) -> tuple[float | None, float | None]:
    if _unanalysed(parameter):
        return None, None
    sample = subject.sample(parameter)
    if not sample.count or not sample.finite:
        return None, None
    return sample.mean, sample.std if math.isfinite(sample.std) else None
