from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from initwise.errors import ArgumentError
from initwise.findings import Column, Finding, Severity, Table
from initwise.reporting import Report, to_json

TABLE = Table("checked", (Column("name"),), (("head.weight",),))


@dataclass(frozen=True)
class Row:
    name: str
    std: float


def finding(severity: Severity = "error") -> Finding:
    return Finding("INI104", severity, 0.999, "head.weight", "std is off", "0.03", "0.02 ± 0.001", "apply again")


def test_a_report_without_findings_is_ok_and_says_so() -> None:
    report = Report("check", TABLE, rows=(Row("head.weight", 0.02),))
    assert report.ok
    assert str(report) == ("check\n\nchecked\n\nname\n-----------\nhead.weight\n\n1 checked: nothing found.")


def test_a_report_with_an_error_is_not_ok_and_prints_the_finding_whole() -> None:
    report = Report("", TABLE, (finding(), finding("warning"), finding("warning")), rows=(Row("head.weight", 0.03),))
    assert not report.ok
    assert report.text(terminal=False).startswith(
        "checked\n\nname\n-----------\nhead.weight\n\n"
        "error INI104 head.weight: std is off\n"
        "    measured 0.03; expected 0.02 ± 0.001\n"
        "    fix: apply again\n"
    )
    assert report.text(terminal=False).endswith("1 checked: 1 error, 2 warnings.\nMore: initwise explain INI104")


@pytest.mark.parametrize("severity", ["warning", "info"])
def test_a_report_with_lesser_findings_only_is_ok(severity: Severity) -> None:
    assert Report("", TABLE, (finding(severity),)).ok


def test_a_report_as_json_keeps_rows_findings_and_verdict() -> None:
    report = Report("check", TABLE, (finding(),), rows=(Row("head.weight", float("inf")),))
    data = json.loads(to_json(report))
    assert data["ok"] is False
    assert data["rows"] == [{"name": "head.weight", "std": "inf"}]
    assert data["findings"][0]["code"] == "INI104"


def test_json_turns_sets_mappings_and_strange_values_into_plain_data() -> None:
    assert json.loads(to_json({1: {"b", "a"}, "t": (None, True, object)})) == {
        "1": ["a", "b"],
        "t": [None, True, "<class 'object'>"],
    }


def test_a_finding_with_an_unknown_code_severity_or_confidence_is_refused() -> None:
    with pytest.raises(ArgumentError, match="code 'INI999' is unknown"):
        Finding("INI999", "error", 1.0, "p", "m", "a", "b", "f")
    with pytest.raises(ArgumentError, match="severity 'fatal' is not one of error, warning, info"):
        Finding("INI101", "fatal", 1.0, "p", "m", "a", "b", "f")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="confidence must lie in 0 to 1"):
        Finding("INI101", "error", 1.5, "p", "m", "a", "b", "f")
