"""JUnit XML: a test case for each parameter, as CI systems show them."""

from __future__ import annotations

import re
from collections import defaultdict
from xml.etree import ElementTree as ET

from initwise.findings import Finding, Severity, at_least, bare
from initwise.reporting._report import Report

_ASIDE = ("not analysed", "not testable")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, section 2.2


def junit(report: Report, *, fail_on: Severity = "warning") -> str:
    """Return a report as one test suite.

    A case is a parameter, in the class of the module that owns it; what has findings and is no parameter is a case
    too. Findings of the severity `fail_on` or worse are failures, lesser ones are output; parameters that were not
    judged are skipped.
    """
    about: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in (one for each in report.findings for one in each.each()):
        about[bare(finding.parameter)].append(finding)
    verdicts = {row.name: str(getattr(row, "verdict", "")) for row in report.rows if hasattr(row, "name")}
    names = list(dict.fromkeys((*verdicts, *about)))
    cases = [_case(report, name, verdicts.get(name, ""), about[name], fail_on) for name in names]
    failures, skipped = (sum(case.find(tag) is not None for case in cases) for tag in ("failure", "skipped"))
    counts = {"tests": str(len(cases)), "failures": str(failures), "skipped": str(skipped), "errors": "0"}
    suite = ET.Element("testsuite", {"name": _legal(f"initwise {report.title}"), **counts})
    suite.extend(cases)
    _output(suite, [*report.notes, report.verdict()])
    root = ET.Element("testsuites", counts)
    root.append(suite)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}'


def _case(report: Report, name: str, verdict: str, findings: list[Finding], fail_on: Severity) -> ET.Element:
    place = report.place(name)
    case = ET.Element("testcase", {"classname": _legal(place.owner if place else report.title), "name": _legal(name)})
    failing = [finding for finding in findings if at_least(finding.severity, fail_on)]
    for finding in failing:
        failure = ET.SubElement(case, "failure", {"type": finding.code, "message": _legal(finding.message)})
        failure.text = _legal(str(finding))
    if not failing and verdict.startswith(_ASIDE):
        ET.SubElement(case, "skipped", {"message": _legal(verdict)})
    lesser = [str(finding) for finding in findings if finding not in failing]
    lesser += [
        f"suppressed: {each.finding.code}: {each.reason}"
        for each in report.suppressed
        if bare(each.finding.parameter) == name
    ]
    _output(case, lesser)
    return case


def _output(element: ET.Element, lines: list[str]) -> None:
    if lines:
        ET.SubElement(element, "system-out").text = _legal("\n".join(lines))


def _legal(text: str) -> str:
    """Return text without the characters that no XML document may hold, even escaped."""
    return _FORBIDDEN.sub("\ufffd", text)
