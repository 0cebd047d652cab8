"""SARIF 2.1.0, held against what its schema requires and allows (the objects that are used here)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from initwise.findings import CATALOGUE
from initwise.reporting import Report, fingerprint, sarif
from tests.reporting.reports import ROOT, report, said

# Of each object: what SARIF's schema requires, and what else it allows of what is written here.
SCHEMA: dict[str, tuple[set[str], set[str]]] = {
    "log": ({"version", "runs"}, {"$schema"}),
    "run": ({"tool"}, {"results", "invocations", "originalUriBaseIds"}),
    "tool": ({"driver"}, set()),
    "driver": ({"name"}, {"rules", "version"}),
    "rule": ({"id"}, {"name", "shortDescription", "fullDescription", "help", "defaultConfiguration"}),
    "result": (
        {"message"},
        {
            "ruleId", "ruleIndex", "level", "rank", "locations", "partialFingerprints", "suppressions",
            "baselineState", "properties",
        },
    ),
    "location": (set(), {"physicalLocation", "logicalLocations"}),
    "physicalLocation": (set(), {"artifactLocation", "region"}),
    "artifactLocation": (set(), {"uri", "uriBaseId"}),
    "logicalLocation": (set(), {"name", "fullyQualifiedName", "kind"}),
    "suppression": ({"kind"}, {"justification"}),
    "invocation": ({"executionSuccessful"}, {"toolExecutionNotifications"}),
    "notification": ({"message"}, {"level"}),
}  # fmt: skip
LEVELS = {"none", "note", "warning", "error"}


def is_a(kind: str, value: dict[str, Any]) -> dict[str, Any]:
    """The object, which has what its kind must have and nothing that it may not have."""
    required, allowed = SCHEMA[kind]
    assert required <= set(value) <= required | allowed, kind
    return value


def run_of(text: str) -> dict[str, Any]:
    log = is_a("log", json.loads(text))
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    return is_a("run", run)


@pytest.fixture
def run() -> dict[str, Any]:
    return run_of(sarif(report(), version="1.2.3", root=ROOT))


def test_every_object_is_as_the_schema_has_it(run: dict[str, Any]) -> None:
    driver = is_a("driver", is_a("tool", run["tool"])["driver"])
    assert (driver["name"], driver["version"]) == ("initwise", "1.2.3")
    for rule in driver["rules"]:
        is_a("rule", rule)
        assert rule["defaultConfiguration"]["level"] in LEVELS
        assert all(set(rule[each]) == {"text"} for each in ("shortDescription", "fullDescription"))
        assert set(rule["help"]) == {"text", "markdown"}
        assert rule["name"].isidentifier()
    for result in run["results"]:
        is_a("result", result)
        assert result["level"] in LEVELS
        assert 0 <= result["rank"] <= 100
        assert set(result["message"]) == {"text"}
        assert all(isinstance(value, str) for value in result["partialFingerprints"].values())
        for location in result["locations"]:
            is_a("location", location)
            for logical in location["logicalLocations"]:
                is_a("logicalLocation", logical)
            if "physicalLocation" in location:
                physical = is_a("physicalLocation", location["physicalLocation"])
                is_a("artifactLocation", physical["artifactLocation"])
                assert physical["region"]["startLine"] >= 1
    for invocation in run["invocations"]:
        for notification in is_a("invocation", invocation)["toolExecutionNotifications"]:
            is_a("notification", notification)


def test_results_name_a_rule_and_its_place_in_the_list(run: dict[str, Any]) -> None:
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == ["INI101", "STA206", "SYM301", "GRD602"]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    assert [result["level"] for result in run["results"]] == ["error", "warning", "note", "error", "error"]


def test_the_help_of_a_rule_is_its_page(run: dict[str, Any]) -> None:
    rule, entry = run["tool"]["driver"]["rules"][1], CATALOGUE["STA206"]
    for part in (entry.meaning, entry.harm, entry.fix, entry.intended, "initwise explain STA206"):
        assert part in rule["help"]["text"]
        assert part in rule["help"]["markdown"]
    assert rule["name"] == "TheScaleIsFarOffForTheFans"


def test_a_parameter_is_the_logical_place_and_the_class_that_builds_it_the_physical_one(run: dict[str, Any]) -> None:
    first, second, third, *_ = run["results"]
    (location,) = first["locations"]
    assert location["logicalLocations"] == [{"name": "weight", "fullyQualifiedName": "net.a.weight", "kind": "member"}]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "my%20nets/net.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 3},
    }
    assert run["originalUriBaseIds"] == {"%SRCROOT%": {"uri": "file:///project/"}}
    outside = second["locations"][0]["physicalLocation"]["artifactLocation"]
    assert outside == {"uri": "file:///usr/lib/python3/site-packages/torch/nn/modules/linear.py"}
    assert third["locations"][0]["physicalLocation"]["region"] == {"startLine": 3}  # of the module around net.relu


def test_a_class_without_a_source_leaves_the_logical_place(run: dict[str, Any]) -> None:
    known = run["results"][3]
    assert known["locations"][0].keys() == {"logicalLocations"}


def test_fingerprints_are_stable_and_tell_parameters_of_one_line_apart(run: dict[str, Any]) -> None:
    marks = [result["partialFingerprints"]["initwise/v1"] for result in run["results"]]
    assert len(set(marks)) == len(marks)
    assert marks[0] == fingerprint(report().findings[0], report()) == "98c1fbf21b8ea044419b0eca9eadc551"
    assert [each["partialFingerprints"]["primaryLocationLineHash"] for each in run["results"]] == [
        f"{mark}:1" for mark in marks
    ]


def test_suppressed_and_known_findings_are_results_that_say_so(run: dict[str, Any]) -> None:
    assert [result["baselineState"] for result in run["results"]] == ["new", "new", "new", "unchanged", "new"]
    assert [result.get("suppressions") for result in run["results"]] == [
        *[None] * 4,
        [{"kind": "external", "justification": "a <teacher> & its copy"}],
    ]
    alone = run_of(sarif(Report("t", report().table, (said("INI101", "a"),)), root=ROOT))
    assert "baselineState" not in alone["results"][0]


def test_notes_are_notifications_and_no_version_is_no_key(run: dict[str, Any]) -> None:
    (invocation,) = run["invocations"]
    assert [each["message"]["text"] for each in invocation["toolExecutionNotifications"]] == ["read from module types"]
    assert "version" not in run_of(sarif(report()))["tool"]["driver"]


def test_a_clean_report_has_no_results_and_no_rules() -> None:
    run = run_of(sarif(Report("check", report().table)))
    assert run["results"] == run["tool"]["driver"]["rules"] == []
    assert run["originalUriBaseIds"]["%SRCROOT%"]["uri"] == Path.cwd().as_uri() + "/"


def test_a_message_says_what_was_measured_and_what_to_do(run: dict[str, Any]) -> None:
    assert run["results"][1]["message"]["text"] == "net.a.bias: so it is. Measured 1; expected 0. Fix: do it"
    assert re.fullmatch(r"net.a.weight \[q\]: 50 % are NaN:\nmany, really. .*", run["results"][0]["message"]["text"])
