"""JUnit XML: well formed, a case for each parameter, and failures from a severity on."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from initwise.findings import Severity
from initwise.reporting import Report, junit
from tests.reporting.reports import Row, report, said


def suite(text: str) -> ET.Element:
    """The suite, whose counts are those of its cases."""
    root = ET.fromstring(text)  # noqa: S314 - our own words
    assert root.tag == "testsuites"
    (found,) = root
    cases = found.findall("testcase")
    for element in (root, found):
        assert element.get("tests") == str(len(cases))
        assert element.get("failures") == str(sum(case.find("failure") is not None for case in cases))
        assert element.get("skipped") == str(sum(case.find("skipped") is not None for case in cases))
        assert element.get("errors") == "0"
    return found


def tags(found: ET.Element) -> dict[str | None, list[str]]:
    return {case.get("name"): [each.tag for each in case] for case in found.findall("testcase")}


def test_a_parameter_is_a_case_and_so_is_what_else_was_found() -> None:
    found = suite(junit(report()))
    assert found.get("name") == "initwise check Net"
    assert tags(found) == {
        "net.a.weight": ["failure"],
        "net.a.bias": ["failure"],
        "net.b.weight": ["system-out"],
        "net.b.bias": [],
        "steps": ["skipped"],
        "net.relu": ["system-out"],
    }
    assert [case.get("classname") for case in found.findall("testcase")] == ["Linear"] * 4 + ["Net", "Inner"]


@pytest.mark.parametrize(("level", "failures"), [("error", 1), ("warning", 2), ("info", 3)])
def test_what_fails_is_from_a_severity_on(level: Severity, failures: int) -> None:
    assert suite(junit(report(), fail_on=level)).get("failures") == str(failures)


def test_a_failure_says_everything_about_the_finding() -> None:
    failure = suite(junit(report())).find("testcase/failure")
    assert failure is not None
    assert failure.get("type") == "INI101"
    assert failure.get("message") == "50 % are NaN:\nmany, really"
    assert failure.text == str(report().findings[0])


def test_what_was_set_aside_is_told_with_its_reason() -> None:
    found = suite(junit(report()))
    assert found.findtext("testcase[@name='net.b.weight']/system-out") == "suppressed: SYM301: a <teacher> & its copy"
    skipped = found.find("testcase[@name='steps']/skipped")
    assert skipped is not None
    assert skipped.get("message") == "not analysed: its values are of torch.int64"
    assert found.findtext("system-out") == f"read from module types\n{report().verdict()}"


def test_characters_that_xml_forbids_are_replaced() -> None:
    odd = Report("\x00", report().table, (said("INI101", "a\x1b", "\x07 and \ud800 and ß"),), (Row("a\x1b", ""),))
    found = suite(junit(odd))
    assert found.get("name") == "initwise \ufffd"
    failure = found.find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "\ufffd and \ufffd and ß"


def test_many_findings_that_were_told_together_are_cases_of_their_own() -> None:
    from dataclasses import replace

    first, *others = (said("INI101", f"{index}.weight") for index in range(4))
    both = Report("t", report().table, (replace(first, others=tuple(others)),))
    assert list(tags(suite(junit(both)))) == ["0.weight", "1.weight", "2.weight", "3.weight"]
