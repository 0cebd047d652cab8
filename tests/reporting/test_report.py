from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from initwise.errors import ArgumentError
from initwise.findings import Column, Finding, Severity, Table
from initwise.reporting import Report, to_json
from tests.reporting import reports

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


def test_a_report_counts_every_bucket_and_says_why_something_was_not_judged() -> None:
    said = reports.report().text(terminal=False)
    assert said.startswith("check Net\n\nerror INI101 net.a.weight [q]: 50 % are NaN:\nmany, really\n")
    assert said.endswith(
        "not analysed: its values are of torch.int64: steps\n"
        "note: read from module types\n"
        "\n"
        "4 checked: 1 error, 1 warning, 1 info; 1 suppressed, 1 known, 1 not analysed.\n"
        "More: initwise explain INI101 (also STA206, GRD602)"
    )


def test_rows_that_were_not_judged_for_one_reason_share_a_line() -> None:
    rows = tuple(reports.Row(f"h.{index}.bias", "not testable: 8 elements") for index in range(3))
    report = Report("", TABLE, rows=(*rows, reports.Row("head", "ok"), reports.Row("w", "not testable: other")))
    assert "not testable: 8 elements: h.0-2.bias\nnot testable: other: w\n" in report.text(terminal=False)
    assert report.text(terminal=False).endswith("1 checked: nothing found; 4 not testable.")


def test_alike_findings_are_one_block_and_their_advice_stands_once_below_the_last() -> None:
    alike = [reports.said("INI101", f"h.{index}.weight", f"{index} of 12 are NaN") for index in (0, 1, 2, 5)]
    other = [reports.said("INI101", "head.weight", "all are NaN"), reports.said("SYM301", "head.weight")]
    assert Report("t", TABLE, (*alike, *other), listed=False).text(terminal=False) == (
        "t\n"
        "\n"
        "error INI101 h.0,1,2,5.weight (4 alike): 0 of 12 are NaN\n"
        "    measured 1; expected 0 (the first of them)\n"
        "error INI101 head.weight: all are NaN\n"
        "    measured 1; expected 0\n"
        "    fix: do it\n"
        "error SYM301 head.weight: so it is\n"
        "    measured 1; expected 0\n"
        "    fix: do it\n"
        "\n"
        "0 checked: 6 errors.\n"
        "More: initwise explain INI101 (also SYM301)"
    )


def test_on_a_terminal_findings_are_coloured_and_folded_and_names_stay_whole() -> None:
    name = "a_module_with_a_long_name.another_module.weight"
    said = reports.said("INI101", name, "some words " * 12)
    lines = Report("t", TABLE, (said,), listed=False).text(terminal=True, width=60).splitlines()
    assert lines[2].startswith("\x1b[1;31merror\x1b[0m INI101")
    assert any(name in line for line in lines)
    assert max(len(line) for line in lines if "\x1b" not in line) <= 60


def test_the_place_of_a_finding_is_its_own_or_that_of_the_nearest_module_around_it() -> None:
    places = [reports.report().place(name) for name in ("net.a.weight [q]", "net.x.y.z", "q", "")]
    assert [place.owner for place in places if place] == ["Linear", "Inner", "Net", "Net"]
    assert Report("", TABLE).place("net") is None
