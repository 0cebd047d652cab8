"""Reports in every form that a command can write."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import initwise
from initwise.findings import Severity
from initwise.reporting import Report, github, junit, sarif, to_json


class ReportFormat(StrEnum):
    """How a report is written: for people, for programs, for code scanning, for CI, for GitHub Actions."""

    TABLE = "table"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"
    GITHUB = "github"


ENDINGS = {"table": "txt", "json": "json", "sarif": "sarif", "junit": "xml", "github": "txt"}

Form = Annotated[
    ReportFormat,
    typer.Option("--format", help="For people, programs, code scanning, CI, or annotations of GitHub Actions."),
]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write to a file (default: print).")]


def rendered(
    report: Report, form: ReportFormat, *, fail_on: Severity, terminal: bool | None = None, rows: bool | None = None
) -> str:
    """A report in the form that was asked for."""
    if form is ReportFormat.JSON:
        return to_json(report)
    if form is ReportFormat.SARIF:
        return sarif(report, version=initwise.__version__)
    if form is ReportFormat.JUNIT:
        return junit(report, fail_on=fail_on)
    if form is ReportFormat.GITHUB:
        return github(report)
    return report.text(terminal=terminal, rows=rows)
