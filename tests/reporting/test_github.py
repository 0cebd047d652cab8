"""Annotations of GitHub Actions, as its workflow commands want them written."""

from __future__ import annotations

from dataclasses import replace

from initwise.reporting import Report, github
from tests.reporting.reports import ROOT, report, said


def test_each_finding_is_one_line_with_its_place_where_that_is_in_the_project() -> None:
    first, second, third, verdict = github(report(), root=ROOT).splitlines()
    assert first == (
        "::error file=my nets/net.py,line=3,title=INI101 net.a.weight [q]::50 %25 are NaN:%0Amany, really"
        "%0Ameasured 1; expected 0%0Afix: do it%0Ainitwise explain INI101"
    )
    assert second.startswith("::warning title=STA206 net.a.bias::so it is%0A")
    assert third.startswith("::notice file=my nets/net.py,line=3,title=GRD602 net.relu::")
    assert verdict == f"initwise check Net: {report().verdict()}"


def test_properties_escape_what_ends_them() -> None:
    odd = Report("t", report().table, (said("INI101", "a:b,c%"),))
    assert github(odd).startswith("::error title=INI101 a%3Ab%2Cc%25::")


def test_many_findings_that_were_told_together_are_one_annotation() -> None:
    first, *others = (said("INI101", f"{index}.weight") for index in range(4))
    both = Report("t", report().table, (replace(first, others=tuple(others)),))
    annotation, _ = github(both).splitlines()
    assert "::so it is (the same of 1.weight, 2.weight, 3.weight)%0A" in annotation


def test_a_clean_report_is_its_verdict() -> None:
    assert github(Report("check", report().table)) == "initwise check: 0 checked: nothing found."
