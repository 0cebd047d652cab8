"""The catalogue: every code has a whole page, its example has the fault, and the pages say what the catalogue says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest

import initwise as iw
from initwise.cli.topics import find
from initwise.errors import ArgumentError
from initwise.findings import CATALOGUE, SEVERITIES, Code, Finding, at_least, bare, found, matching
from initwise.findings.catalogue import (
    _declared,
    _distributed,
    _gradients,
    _scale,
    _signals,
    _statistics,
    _symmetry,
    _ties,
    _training,
    _values,
    _zeros,
)
from initwise.provenance import Log
from scripts import codes_page

RANGES = {"INI": 1, "STA": 2, "SYM": 3, "ZER": 4, "SIG": 5, "GRD": 6, "TIE": 7, "DST": 8, "TRN": 9}
FAMILIES = {
    "INI": (_declared, _values),
    "STA": (_statistics, _scale),
    "SYM": (_symmetry,),
    "ZER": (_zeros,),
    "SIG": (_signals,),
    "GRD": (_gradients,),
    "TIE": (_ties,),
    "DST": (_distributed,),
    "TRN": (_training,),
}
ALL = [(family, entry) for family, files in FAMILIES.items() for file in files for entry in file.CODES]
ALONE = [entry for entry in CATALOGUE.values() if not entry.example.startswith(codes_page.SEVERAL)]


def name(value: object) -> str:
    return value.code if isinstance(value, Code) else str(value)


def test_no_code_is_given_twice_and_the_catalogue_holds_all_in_the_order_of_their_numbers() -> None:
    codes = [entry.code for _, entry in ALL]
    assert len(set(codes)) == len(codes)
    assert list(CATALOGUE) == sorted(codes, key=lambda code: code[3:])


@pytest.mark.parametrize(("family", "entry"), ALL, ids=name)
def test_a_code_has_three_letters_of_its_family_and_a_number_in_its_range(family: str, entry: Code) -> None:
    assert re.fullmatch(rf"{family}{RANGES[family]}\d\d", entry.code)


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=name)
def test_every_field_of_a_code_is_filled(entry: Code) -> None:
    assert [field.name for field in fields(entry) if not getattr(entry, field.name).strip()] == []
    assert entry.severity in SEVERITIES
    assert not entry.title.endswith(".")
    assert all(text.endswith((".", ")", "?")) for text in (entry.meaning, entry.harm, entry.fix, entry.intended))


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=name)
def test_an_example_is_python(entry: Code) -> None:
    assert ast.parse(entry.example).body


@pytest.mark.parametrize("entry", ALONE, ids=name)
def test_an_example_has_the_fault_that_it_shows(entry: Code, monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, Any] = {"__name__": "example"}
    reports = kept(monkeypatch)
    exec(entry.example, names)  # noqa: S102 - the examples are ours
    assert entry.code in {finding.code for finding in shown(names, reports)}


def kept(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every report that `iw.verify` and `iw.check` return from now on."""
    reports: list[Any] = []

    def keeping(function: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            reports.append(function(*args, **kwargs))
            return reports[-1]

        return call

    for each in ("verify", "check"):
        monkeypatch.setattr(iw, each, keeping(getattr(iw, each)))
    return reports


def shown(names: dict[str, Any], reports: list[Any]) -> Iterator[Finding]:
    """What an example leads to: its own reports, logs and monitors, or else a check of its model."""
    logs = [value for value in names.values() if isinstance(value, (Log, iw.Monitor))]
    if not reports and not logs:
        model = names.get("model") or names["layer"]
        iw.check(model, names.get("inputs"), names.get("loss"))
    for each in (*reports, *logs):
        yield from each.findings


def test_the_pages_are_current() -> None:
    there = {path.name: path.read_text(encoding="utf-8") for path in codes_page.FOLDER.glob("*.md")}
    due = codes_page.pages()
    assert sorted(there) == sorted(due), "run `make docs`"
    assert [page for page in due if there[page] != due[page]] == [], "run `make docs`"


def test_the_index_names_every_code_once() -> None:
    assert re.findall(r"\]\((\w+)\.md\)", codes_page.pages()["README.md"]) == list(CATALOGUE)


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=name)
def test_a_page_and_the_command_line_say_all_of_it(entry: Code) -> None:
    page, said = codes_page.pages()[f"{entry.code}.md"], find(entry.code).text(terminal=False)
    for part in (entry.title, entry.meaning, entry.harm, entry.fix, entry.intended, entry.reference):
        assert part.split() == [word for word in part.split() if word in page.split()]
        assert " ".join(part.split()) in " ".join(said.split())
        assert " ".join(part.split()) in " ".join(page.split())
    assert entry.example in page
    assert all(line in said for line in entry.example.splitlines())


def test_what_may_be_intended_says_how_it_is_suppressed() -> None:
    said = find("TIE702").text(terminal=False)
    assert '      suppress = [{code = "TIE702", parameters = "head.*", reason = "..."}]\n' in said
    assert "suppress" not in find("INI101").text(terminal=False)
    assert "suppress" not in find("INI104").text(terminal=False)


def test_a_beginning_stands_for_all_codes_that_begin_so() -> None:
    assert set(matching("SYM3")) == {code for code in CATALOGUE if code.startswith("SYM")}
    assert matching("") == matching("X") == ()


def test_a_severity_is_at_least_itself_and_all_milder_ones() -> None:
    assert [[at_least(a, b) for b in SEVERITIES] for a in SEVERITIES] == [
        [True, True, True],
        [False, True, True],
        [False, False, True],
    ]


@pytest.mark.parametrize(
    ("written", "parameter"),
    [
        ("conv.weight", "conv.weight"),
        ("attn.qkv [q]", "attn.qkv"),
        ("w (nonzero)", "w"),
        ("w [q] (nonzero)", "w"),
        ("my layer.weight", "my layer.weight"),
    ],
)
def test_a_part_is_told_behind_the_name_of_its_parameter(written: str, parameter: str) -> None:
    assert bare(written) == parameter


def test_findings_that_were_told_together_are_had_one_by_one() -> None:
    first, second = (found("INI101", each, "NaN", "1", "0") for each in ("a", "b"))
    both = Finding(**{**{f.name: getattr(first, f.name) for f in fields(first)}, "others": (second,)})
    assert both.each() == (first, second)
    assert str(both).startswith("error INI101 a: NaN; the same of 1 more: b\n")
    assert both.to_dict()["others"][0]["parameter"] == "b"
    assert first.each() == (first,)


def test_an_unknown_code_is_refused() -> None:
    with pytest.raises(ArgumentError, match="found: code 'INI999' is unknown; the catalogue holds INI101, INI102"):
        found("INI999", "p", "m", "a", "b")
