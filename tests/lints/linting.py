"""What the tests of single lints share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

from initwise.findings import Finding
from initwise.lints._subject import Lint, Subject
from initwise.model import read
from initwise.planning._usage import with_usage


def found_by(lints: Iterable[Lint], model: nn.Module, inputs: Any = None) -> list[Finding]:
    """What some lints say about a model as it is, from a traced pass and without a measured one."""
    return asked(lints, model, inputs)[0]


def asked(lints: Iterable[Lint], model: nn.Module, inputs: Any = None) -> tuple[list[Finding], list[str]]:
    """Their findings, and their notes."""
    reading, problems = with_usage(read(model), inputs, needed=True)
    assert problems == []
    subject = Subject(reading)
    return [finding for lint in lints for finding in lint(subject)], subject.notes


def told(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    """Codes and parameters."""
    return [(finding.code, finding.parameter) for finding in findings]
