"""`Suppression`: a finding that is meant so, said with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from initwise._arguments import Arguments, show
from initwise.findings import Finding, bare
from initwise.lints._codes import unknown
from initwise.model import Reading
from initwise.reporting import Suppressed
from initwise.selectors import Glob


@dataclass(frozen=True)
class Suppression:
    """Findings that are meant so: by their code, the parameters they are about, and the reason.

    Args:
        code: a code, "ZER401", or the beginning of several: "ZER4", "ZER".
        parameters: a glob over parameter names, aliases included; `*` stands for dots too, as in `initwise.Glob`.
        reason: why; it is shown in reports and may not be empty.

    Raises:
        ArgumentError: the catalogue has no such code, or there is no reason.

    >>> Suppression("ZER401", "*.gate.weight", reason="opened by a schedule after 1,000 steps").parameters
    '*.gate.weight'
    """

    code: str
    parameters: str = "*"
    reason: str = ""

    def __post_init__(self) -> None:
        arguments = Arguments("Suppression")
        for name in ("code", "parameters", "reason"):
            value = getattr(self, name)
            if not isinstance(value, str):
                kind = type(value).__name__
                arguments.refuse(f"{name} is {show(value)} of type {kind}; give a string", wrong_type=True)
        arguments.done()
        if problem := unknown(self.code):
            arguments.refuse(problem)
        if not self.parameters:
            arguments.refuse("parameters is empty and matches nothing; give a glob, '*' for all")
        if not self.reason.strip():
            arguments.refuse(f"{show(self.code)} has no reason; say why it is meant so: reason='...'")
        arguments.done()

    def matches(self, finding: Finding, names: Iterable[str]) -> bool:
        """Tell whether a finding about a parameter with these names is meant."""
        return finding.code.startswith(self.code) and Glob(self.parameters).among(names) is not None

    def __str__(self) -> str:
        return f"{self.code} {self.parameters}"


def set_aside(
    findings: Sequence[Finding], suppressions: Sequence[Suppression], reading: Reading
) -> tuple[list[Finding], list[Suppressed], list[Suppression]]:
    """Return the findings that stand, those that are suppressed, and the suppressions that matched none."""
    standing, suppressed, used = [], [], set()
    for finding in findings:
        names = names_of(finding, reading)
        by = [index for index, each in enumerate(suppressions) if each.matches(finding, names)]
        used.update(by)
        if by:
            suppressed.append(Suppressed(finding, suppressions[by[0]].reason))
        else:
            standing.append(finding)
    return standing, suppressed, [each for index, each in enumerate(suppressions) if index not in used]


def names_of(finding: Finding, reading: Reading) -> tuple[str, ...]:
    """Return every name of what a finding is about: a parameter's aliases, and its path in the model."""
    name = bare(finding.parameter)
    parameter = reading.by_name.get(name)
    if parameter is None:
        return (finding.parameter, name)
    return (finding.parameter, *parameter.names, parameter.path)
