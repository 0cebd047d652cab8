"""What a project says about findings: suppressions with reasons, a baseline, and pyproject.toml."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import initwise as iw
from initwise.errors import ArgumentError, ArgumentTypeError, SchemaError
from initwise.findings import CATALOGUE_VERSION, Finding, found
from initwise.lints import Baseline, _check, nearest_configuration, read_baseline, read_configuration
from initwise.lints._subject import Subject
from initwise.reporting import Report


def model() -> nn.Module:
    """An embedding that is tied to the head, and a layer between."""
    made = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 4), nn.Linear(4, 9, bias=False))
    made[2].weight = made[0].weight
    return made


Say = Callable[..., None]


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Say:
    """Make one lint say these findings, of (code, parameter), and no other lint anything."""

    def only(*said: tuple[str, str]) -> None:
        def lint(subject: Subject) -> Iterator[Finding]:
            for code, parameter in said:
                yield found(code, parameter, "so it is", "1", "0")

        monkeypatch.setattr(_check, "LINTS", (lint,))

    return only


def told(report: Report) -> list[str]:
    return [f"{each.code} {each.parameter}" for each in report.findings]


# --------------------------------------------------------------------------------------------------------- suppressions


@pytest.mark.parametrize(
    ("code", "parameters", "left"),
    [
        ("SYM301", "*", ["INI101 1.bias", "SYM302 0.weight"]),
        ("SYM3", "*", ["INI101 1.bias"]),
        ("SYM", "1.*", ["INI101 1.bias", "SYM302 0.weight"]),
        ("SYM", "0.weight", ["SYM301 1.weight", "INI101 1.bias"]),
        ("SYM", "2.*", ["SYM301 1.weight", "INI101 1.bias"]),  # an alias of 0.weight
        ("INI101", "1.bia", ["SYM302 0.weight", "SYM301 1.weight", "INI101 1.bias"]),
        ("INI", "?.bi[a-c]s", ["SYM302 0.weight", "SYM301 1.weight"]),
    ],
)
def test_a_suppression_is_about_codes_and_the_names_of_parameters(
    say: Say, code: str, parameters: str, left: list[str]
) -> None:
    say(("SYM301", "1.weight"), ("INI101", "1.bias"), ("SYM302", "0.weight"))
    report = iw.check(model(), suppress=iw.Suppression(code, parameters, reason="it is a test"))
    assert sorted(told(report)) == sorted(left)
    assert {each.reason for each in report.suppressed} <= {"it is a test"}
    assert len(report.suppressed) == 3 - len(left)


def test_a_suppressed_finding_keeps_its_reason_and_its_row_says_so(say: Say) -> None:
    say(("SYM301", "1.weight"), ("SYM301", "1.weight [q]"))
    reason = "a frozen copy of the teacher"
    report = iw.check(model(), suppress=[iw.Suppression("SYM301", "1.*", reason=reason)])
    assert [each.reason for each in report.suppressed] == [reason, reason]
    assert [row.verdict for row in report.rows if row.name == "1.weight"] == ["suppressed SYM301"]
    assert report.ok
    assert "3 checked: nothing found; 2 suppressed." in str(report)


def test_one_of_many_that_are_told_together_can_be_suppressed_alone() -> None:
    layers = nn.Sequential(*(nn.Linear(4, 4) for _ in range(6)))
    for layer in layers:
        nn.init.constant_(layer.weight, float("nan"))  # type: ignore[arg-type]
    report = iw.check(layers, suppress=iw.Suppression("INI101", "[02].weight", reason="x"), select="INI")
    assert [each.finding.parameter for each in report.suppressed] == ["0.weight", "2.weight"]
    assert [[one.parameter for one in each.each()] for each in report.findings] == [
        ["1.weight", "3.weight", "4.weight", "5.weight"]
    ]


def test_a_suppression_that_matches_nothing_is_noted(say: Say) -> None:
    say(("SYM301", "1.weight"))
    unused = [iw.Suppression("ZER", "head.*", reason="x"), iw.Suppression("SYM301", reason="x")]
    assert (
        "no finding matched the suppression ZER head.*; delete it if it has done its work"
        in iw.check(model(), suppress=unused).notes
    )
    assert not any("suppression" in note for note in iw.check(model(), suppress=unused, select="SYM").notes)


def test_what_only_a_measured_pass_finds_is_not_missed_without_inputs(say: Say, tmp_path: Path) -> None:
    say(("SIG501", "1.weight"), ("INI101", "1.bias"))
    place = written(iw.check(model()), tmp_path / "baseline.json")
    meant = iw.Suppression("GRD", reason="x")
    say()
    apart = iw.check(model(), suppress=meant, baseline=place).notes
    assert [note for note in apart if "occurs" in note or "matched" in note] == [
        "the baseline holds what no longer occurs: INI101 1.bias; write it anew"
    ]
    measured = iw.check(model(), torch.zeros(2, 3, dtype=torch.int64), suppress=meant, baseline=place).notes
    assert len([note for note in measured if "occurs: INI101 1.bias, SIG501" in note or "matched" in note]) == 2


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("SYM999",), ArgumentError, "there is no code 'SYM999'; did you mean 'SYM30"),
        (("Q", "*", "why"), ArgumentError, "there is no code 'Q'; there are INI101, .*, and beginnings such as SYM"),
        (("", "*", "why"), ArgumentError, "there is no code ''"),
        (("SYM301",), ArgumentError, "'SYM301' has no reason; say why it is meant so: reason='...'"),
        (("SYM301", "*", "  "), ArgumentError, "'SYM301' has no reason"),
        (("SYM301", "", "why"), ArgumentError, "parameters is empty and matches nothing; give a glob"),
        ((301, "*", "why"), ArgumentTypeError, "code is 301 of type int; give a string"),
        (("SYM301", None, "why"), ArgumentTypeError, "parameters is None of type NoneType; give a string"),
    ],
)
def test_a_wrong_suppression_is_refused(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"Suppression: .*{message}"):
        iw.Suppression(*arguments)


def test_all_that_is_wrong_with_a_suppression_is_told_at_once() -> None:
    with pytest.raises(ArgumentError, match=r"there is no code 'FOO'.*'FOO' has no reason"):
        iw.Suppression("FOO")


# ------------------------------------------------------------------------------------------------------------ baselines


def written(report: Report, place: Path) -> Path:
    place.write_text(Baseline.of(report).text(), encoding="utf-8")
    return place


def test_known_findings_are_left_out_and_counted(say: Say, tmp_path: Path) -> None:
    say(("SYM301", "1.weight"), ("INI101", "1.bias"))
    place = written(iw.check(model()), tmp_path / "baseline.json")
    say(("SYM301", "1.weight"), ("INI101", "1.bias"), ("SYM302", "0.weight"))
    report = iw.check(model(), baseline=place)
    assert told(report) == ["SYM302 0.weight"]
    assert [each.parameter for each in report.known] == ["1.weight", "1.bias"]
    assert [row.verdict for row in report.rows] == ["SYM302", "known SYM301", "known INI101"]
    assert "3 checked: 1 error; 2 known." in str(report)
    assert not any("baseline" in note for note in report.notes)


def test_a_baseline_that_is_written_again_holds_known_findings_too(say: Say, tmp_path: Path) -> None:
    say(("SYM301", "1.weight"), ("INI101", "1.bias"))
    first = Baseline.of(iw.check(model()))
    place = written(iw.check(model()), tmp_path / "baseline.json")
    assert Baseline.of(iw.check(model(), baseline=place)) == first == read_baseline(place)


def test_each_of_many_that_are_told_together_is_in_the_baseline(tmp_path: Path) -> None:
    layers = nn.Sequential(*(nn.Linear(4, 4) for _ in range(6)))
    for layer in list(layers)[:5]:
        nn.init.constant_(layer.weight, float("nan"))  # type: ignore[arg-type]
    place = written(iw.check(layers, select="INI"), tmp_path / "baseline.json")
    assert len(read_baseline(place).findings) == 5
    nn.init.constant_(layers[5].weight, float("nan"))  # type: ignore[arg-type]
    report = iw.check(layers, select="INI", baseline=place)
    assert (told(report), len(report.known)) == (["INI101 5.weight"], 5)


def test_a_fingerprint_is_of_code_parameter_and_shape_and_not_of_numbers(tmp_path: Path) -> None:
    def nan(width: int, count: int) -> nn.Module:
        made = nn.Sequential(nn.Linear(4, width))
        with torch.no_grad():
            made[0].weight.view(-1)[:count] = float("nan")  # type: ignore[operator]
        return made

    place = written(iw.check(nan(4, 1)), tmp_path / "baseline.json")
    assert len(iw.check(nan(4, 9), baseline=place).known) == 1
    assert len(iw.check(nan(5, 1), baseline=place).findings) == 1


def test_the_same_finding_twice_is_known_as_often_as_it_was_written(say: Say, tmp_path: Path) -> None:
    say(("SYM301", "1.weight"))
    place = written(iw.check(model()), tmp_path / "baseline.json")
    say(("SYM301", "1.weight"), ("SYM301", "1.weight"))
    report = iw.check(model(), baseline=place)
    assert (len(report.findings), len(report.known)) == (1, 1)


def test_entries_that_no_longer_occur_are_noted(say: Say, tmp_path: Path) -> None:
    say(("SYM301", "1.weight"), ("INI101", "1.bias"))
    place = written(iw.check(model()), tmp_path / "baseline.json")
    say(("SYM301", "1.weight"))
    notes = iw.check(model(), baseline=place).notes
    assert "the baseline holds what no longer occurs: INI101 1.bias; write it anew" in notes
    assert not any("baseline" in note for note in iw.check(model(), baseline=place, select="SYM").notes)


def test_a_baseline_is_a_file_that_people_can_read(say: Say) -> None:
    say(("INI101", "1.bias"))
    data = json.loads(Baseline.of(iw.check(model())).text())
    assert data.keys() == {"schema", "catalogue", "findings"}
    assert (data["schema"], data["catalogue"]) == (1, CATALOGUE_VERSION)
    (entry,) = data["findings"]
    assert len(entry.pop("fingerprint")) == 32
    assert entry == {"code": "INI101", "parameter": "1.bias", "message": "so it is"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "it is no JSON: .*; write it anew with initwise check TARGET --write-baseline FILE"),
        (
            '{"schema": 7, "catalogue": 1, "findings": []}',
            "its schema version is 7, and this initwise reads 1; write it",
        ),
        ("[]", "its schema version is None, and this initwise reads 1"),
        ('{"schema": 1, "catalogue": 1}', "Object missing required field `findings`; write it anew"),
        ('{"schema": 1, "catalogue": 1, "findings": [3]}', r"Expected `object`, got `int` - at `\$.findings\[0\]`"),
        ('{"schema": 1, "catalogue": 1, "findings": [], "x": 1}', "Object contains unknown field `x`"),
        (None, "it cannot be read: No such file"),
    ],
)
def test_a_file_that_is_no_baseline_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    place = tmp_path / "baseline.json"
    if content is not None:
        place.write_text(content)
    with pytest.raises(SchemaError, match=f"baseline .*baseline.json: 1 problem\n.*{message}"):
        iw.check(model(), baseline=place)


# -------------------------------------------------------------------------------------------------------- configuration

WHOLE = """
[tool.initwise]
select = ["SYM", "INI101"]
fail-on = "error"
baseline = "known/baseline.json"
suppress = [
    {code = "SYM301", parameters = "1.*", reason = "a copy of the teacher"},
    {code = "INI", reason = "a test"},
]
"""


def configured(tmp_path: Path, text: str) -> Path:
    place = tmp_path / "pyproject.toml"
    place.write_text(text, encoding="utf-8")
    return place


def test_a_table_in_pyproject_says_what_a_call_can(tmp_path: Path) -> None:
    found_ = read_configuration(configured(tmp_path, WHOLE))
    assert found_.select == ("SYM", "INI101")
    assert found_.fail_on == "error"
    assert found_.baseline == tmp_path / "known" / "baseline.json"
    assert found_.suppress == (
        iw.Suppression("SYM301", "1.*", reason="a copy of the teacher"),
        iw.Suppression("INI", reason="a test"),
    )


def test_a_call_reads_it_only_where_it_is_named_and_its_own_arguments_win(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(("SYM301", "1.weight"), ("SYM302", "0.weight"), ("ZER401", "1.bias"))
    text = '[tool.initwise]\nselect = ["SYM"]\nsuppress = [{code = "SYM301", reason = "x"}]'
    place = configured(tmp_path, text)
    monkeypatch.chdir(tmp_path)
    assert len(iw.check(model()).findings) == 3
    assert told(iw.check(model(), config=place)) == ["SYM302 0.weight"]
    assert told(iw.check(model(), config=place, select="ZER")) == ["ZER401 1.bias"]
    both = iw.check(model(), config=place, suppress=iw.Suppression("SYM302", reason="y"))
    assert (told(both), sorted(each.reason for each in both.suppressed)) == ([], ["x", "y"])


def test_all_that_is_wrong_with_a_table_is_told_together(tmp_path: Path) -> None:
    text = """
[tool.initwise]
supress = []
fail-on = "fatal"
select = ["FOO", "SYM"]
baseline = 3
suppress = [{code = "SYM301"}, {code = "SYM302", reason = "x", glob = "*"}, {reason = "x"}, 5]
"""
    with pytest.raises(SchemaError) as caught:
        read_configuration(configured(tmp_path, text))
    problems = caught.value.problems
    assert [problem.split(";")[0] for problem in problems] == [
        "unknown key 'supress'",
        "fail-on is 'fatal', and must be one of error, warning, info",
        "select: there is no code 'FOO'",
        "baseline is 3",
        "suppress[0]: 'SYM301' has no reason",
        "suppress[1]: unknown key 'glob'",
        "suppress[2] is {'reason': 'x'}",
        "suppress[3] is 5",
    ]
    assert "allowed are suppress, select, fail-on, baseline; did you mean 'suppress'?" in problems[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.initwise", "it is no TOML"),
        ("[tool]\ninitwise = 3", r"tool.initwise is 3, and must be a table: \[tool.initwise\]"),
        ("[tool.initwise]\nselect = 'SYM'", "select is 'SYM'; give a list of codes or beginnings"),
        ("[tool.initwise]\nsuppress = 'SYM'", "suppress is 'SYM'; give a list of tables {code = "),
        (None, "it cannot be read"),
    ],
)
def test_a_file_that_configures_nothing_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    place = tmp_path / "pyproject.toml" if text is None else configured(tmp_path, text)
    with pytest.raises(SchemaError, match=message):
        iw.check(model(), config=place)


def test_the_nearest_file_with_the_table_counts(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert nearest_configuration(inner) is None
    place = configured(tmp_path, "[tool.initwise]\nselect = ['SYM']")
    (tmp_path / "a" / "pyproject.toml").write_text("[project]\nname = 'inner'\n")
    assert nearest_configuration(inner) == place
