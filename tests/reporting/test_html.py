"""What notebooks show: tables and reports as fragments of HTML."""

from __future__ import annotations

from dataclasses import replace

import pytest

from initwise.findings import Column, Table, found
from initwise.reporting import LONG, Markup, Report, bars_svg, details, fragment, paragraph, table_html
from tests.reporting.fragments import parsed
from tests.reporting.reports import report, said

EVIL = "<script>alert('1')</script> & \"x\""
TABLE = Table(EVIL, (Column(EVIL), Column("std", "right")), ((EVIL, "0.5"), ("b\nc", "1")), (EVIL,))


def test_what_is_text_is_escaped_wherever_it_stands() -> None:
    text = fragment(table_html(TABLE), paragraph(EVIL, "error"), details(EVIL, "in it"), bars_svg([0.5], EVIL))
    assert "script>" not in text
    assert parsed(text).text.count(EVIL) == 7


def test_markup_is_not_escaped_again() -> None:
    table = Table("", (Column("a"),), ((Markup("<b>1</b>"),), ("<b>2</b>",)))
    assert "<td><b>1</b></td></tr><tr><td>&lt;b&gt;2&lt;/b&gt;</td>" in table_html(table)


def test_a_table_has_a_caption_heads_with_their_scope_and_cells_on_their_side() -> None:
    text = table_html(replace(TABLE, title="two rows"))
    assert text.startswith('<table><caption>two rows</caption><thead><tr><th scope="col">')
    assert '<th scope="col" class="right">std</th>' in text
    assert '<td>b<br>c</td><td class="right">1</td>' in text


def test_bars_are_as_high_as_their_numbers_and_a_gap_has_a_dot() -> None:
    text = bars_svg([0.0, 0.5, 1.0, None, float("nan")], "levels")
    assert [part.partition('"')[0] for part in text.split(' height="')[2:]] == ["1", "8", "16"]
    assert text.count("<circle") == 2
    assert '<svg role="img" ' in text
    assert "<title>levels</title>" in text
    parsed(text)


@pytest.mark.parametrize("count", [1, 12, 126])
def test_a_chart_of_many_bars_stays_small(count: int) -> None:
    width = float(bars_svg([0.5] * count, "").split('width="')[1].partition('"')[0])
    assert width <= 120


def test_a_report_shows_its_verdict_findings_notes_and_its_rows_on_request() -> None:
    text = report()._repr_html_()
    shown = parsed(text)
    for words in ("check Net", report().verdict(), "50 % are NaN:", "many, really", "note: read from module types"):
        assert words in shown.text
    assert all(name in shown.text for name in ("net.a.weight", "net.a.bias", "net.b.weight", "net.b.bias", "steps"))
    assert '<p class="error"><b>INI101 net.a.weight [q]</b>' in text
    assert '<p class="warning"><b>STA206 net.a.bias</b>' in text
    assert "<details><summary>5 rows</summary>" in text


def test_a_report_says_how_it_stands_by_its_colour() -> None:
    good = Report("check", Table("", (Column("a"),), ()))
    assert '<p class="good">' in good._repr_html_()
    assert '<p class="warning">0 checked' in replace(good, findings=(said("STA206", "a"),))._repr_html_()
    assert '<p class="error">0 checked' in replace(good, findings=(said("INI101", "a"),))._repr_html_()


def test_findings_that_are_one_fault_name_all_parameters() -> None:
    first = found("INI101", "h.0.weight", "all NaN", "1", "0")
    others = tuple(replace(first, parameter=name) for name in ("h.1.weight", "head.bias"))
    text = Report("c", Table("", (Column("a"),), ()), (replace(first, others=others),))._repr_html_()
    assert "<b>INI101 h.0-1.weight, head.bias</b> all NaN" in text


def test_of_very_many_findings_the_others_are_shown_on_request() -> None:
    many = tuple(said("INI101", f"p{chr(97 + index % 26)}{index}") for index in range(LONG + 3))
    text = Report("c", Table("", (Column("a"),), ()), many)._repr_html_()
    assert "<summary>3 more findings</summary>" in text
    assert parsed(text).text.count("INI101") == LONG + 3
