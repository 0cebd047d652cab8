"""Workflow commands of GitHub Actions: findings as annotations of a run and its changed lines."""

from __future__ import annotations

from pathlib import Path

from initwise.findings import Finding
from initwise.reporting._paths import inside
from initwise.reporting._report import Report

_COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}


def github(report: Report, *, root: Path | None = None) -> str:
    """Return a report as one command a finding, then the verdict in words.

    The place is the class that builds the parameter, where its file lies in `root` (default: the working directory).
    """
    root = root or Path.cwd()
    lines = [_command(finding, report, root) for finding in report.findings]
    return "\n".join([*lines, f"initwise {report.title}: {report.verdict()}"])


def _command(finding: Finding, report: Report, root: Path) -> str:
    place = report.place(finding.parameter)
    file = inside(place.file, root) if place else ""
    where = {"file": file, "line": str(max(place.line, 1))} if place and file else {}
    properties = {**where, "title": f"{finding.code} {finding.parameter}"}
    told = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    said = [
        f"{finding.message}{_others(finding)}",
        f"measured {finding.measured}; expected {finding.expected}",
        *([f"fix: {finding.fix}"] if finding.fix else []),
        f"initwise explain {finding.code}",
    ]
    message = _data("\n".join(said))
    return f"::{_COMMANDS[finding.severity]} {told}::{message}"


def _others(finding: Finding) -> str:
    names = ", ".join(each.parameter for each in finding.others)
    return f" (the same of {names})" if names else ""


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
