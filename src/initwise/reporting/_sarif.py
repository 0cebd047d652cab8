"""SARIF 2.1.0 (OASIS 2020): findings for code scanning, as GitHub, GitLab, Azure and editors read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from initwise.findings import CATALOGUE, Code, Finding, bare
from initwise.reporting._fingerprint import fingerprint
from initwise.reporting._json import to_json
from initwise.reporting._paths import inside, uri
from initwise.reporting._report import Report

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def sarif(report: Report, *, version: str = "", root: Path | None = None) -> str:
    """Return a report as a SARIF log of one run.

    A finding is about a parameter, which is its logical location; its physical one is the class that builds the
    parameter, relative to `root` (default: the working directory) where it lies in there. Suppressed findings are
    results with their justification; known ones have the baseline state "unchanged".
    """
    root = root or Path.cwd()
    everything = (*report.findings, *report.known, *(each.finding for each in report.suppressed))
    rules = [code for code in CATALOGUE if any(finding.code == code for finding in everything)]
    driver = {"name": "initwise", "rules": [_rule(CATALOGUE[code]) for code in rules]}
    run = {
        "tool": {"driver": driver | ({"version": version} if version else {})},
        "originalUriBaseIds": {"%SRCROOT%": {"uri": root.as_uri() + "/"}},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": _notes(report)}],
        "results": list(_results(report, rules, root)),
    }
    return to_json({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(code: Code) -> dict[str, Any]:
    parts = {"Why it matters": code.harm, "What to do": code.fix, "When it is intended": code.intended}
    said = [f"{title}: {text}" for title, text in parts.items() if text]
    marked = [f"**{title}.** {text}" for title, text in parts.items() if text]
    command = f"initwise explain {code.code}"
    return {
        "id": code.code,
        "name": "".join(word.capitalize() for word in code.title.replace("'", "").split()),
        "shortDescription": {"text": code.title},
        "fullDescription": {"text": code.meaning},
        "help": {
            "text": "\n\n".join([code.meaning, *said, f"More: {command}"]),
            "markdown": "\n\n".join([code.meaning, *marked, f"More: `{command}`"]),
        },
        "defaultConfiguration": {"level": _LEVELS[code.severity]},
    }


def _results(report: Report, rules: list[str], root: Path) -> Any:
    state = {"baselineState": "new"} if report.known else {}
    for finding in (one for each in report.findings for one in each.each()):
        yield _result(finding, report, rules, root) | state
    for finding in report.known:
        yield _result(finding, report, rules, root) | {"baselineState": "unchanged"}
    for each in report.suppressed:
        said = {"suppressions": [{"kind": "external", "justification": each.reason}]}
        yield _result(each.finding, report, rules, root) | said | state


def _result(finding: Finding, report: Report, rules: list[str], root: Path) -> dict[str, Any]:
    mark = fingerprint(finding, report)
    told = f"{finding.parameter}: {finding.message}. Measured {finding.measured}; expected {finding.expected}."
    return {
        "ruleId": finding.code,
        "ruleIndex": rules.index(finding.code),
        "level": _LEVELS[finding.severity],
        "rank": round(100 * finding.confidence, 1),
        "message": {"text": f"{told} Fix: {finding.fix}" if finding.fix else told},
        "locations": [_location(finding, report, root)],
        # GitHub tells results apart by the first of these, and several parameters share one line.
        "partialFingerprints": {"primaryLocationLineHash": f"{mark}:1", "initwise/v1": mark},
        "properties": {"measured": finding.measured, "expected": finding.expected, "fix": finding.fix},
    }


def _location(finding: Finding, report: Report, root: Path) -> dict[str, Any]:
    name = bare(finding.parameter)
    logical = {"name": name.rpartition(".")[2], "fullyQualifiedName": name, "kind": "member"}
    place = report.place(finding.parameter)
    found: dict[str, Any] = {"logicalLocations": [logical]}
    if place is not None and place.file:
        relative = inside(place.file, root)
        artifact = {"uri": uri(relative), "uriBaseId": "%SRCROOT%"} if relative else {"uri": Path(place.file).as_uri()}
        found["physicalLocation"] = {"artifactLocation": artifact, "region": {"startLine": max(place.line, 1)}}
    return found


def _notes(report: Report) -> list[dict[str, Any]]:
    return [{"level": "note", "message": {"text": note}} for note in report.notes]
