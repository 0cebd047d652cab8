"""The report about an experiment: what it says in which case, that it stands by itself, and in a real browser."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import initwise as iw
from initwise.cli._options import Format
from initwise.cli.compare import _rendered
from initwise.comparison import Comparison
from tests.pages.browser import browser, opened
from tests.pages.experiments import compared, spread
from tests.pages.test_page import Balance

WILD: list[float | None] = [1.2 * (1 + 0.3 * (-1) ** seed * (seed % 3)) for seed in range(8)]
LOST: list[float | None] = [None] * 6 + [2.9, 2.5]


def mixed() -> Comparison:
    """A contender for each verdict, and one that diverges."""
    return compared({"classic": spread(1.0), "auto": spread(0.5), "wild": WILD, "n01": LOST, "same": spread(1.0001)})


def text_of(page: str) -> str:
    """The words of a page, without tags and scripts."""
    body = page[page.index('<main id="main">') : page.index("</main>")]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", re.sub(r"<svg.*?</svg>", "", body, flags=re.DOTALL)))


def data_of(page: str, name: str = "data") -> Any:
    """The data that a page's script reads."""
    found = re.search(rf'id="{name}">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_the_page_is_one_balanced_file_without_network_and_below_its_limit(tmp_path: Path) -> None:
    iw.report(mixed(), path=tmp_path / "compare.html")
    text = (tmp_path / "compare.html").read_text(encoding="utf-8")
    assert len(text.encode()) < 1_500_000
    balance = Balance()
    balance.feed(text)
    assert balance.open == []
    assert not re.search(r'(?:src|href)="(?!#)', text)


def test_the_summary_says_what_to_use_how_sure_that_is_and_what_is_open() -> None:
    comparison = mixed()
    page = iw.report(comparison, path=None)
    assert page.verdict.value == "Use auto, at learning rate 0.1"
    assert page.verdict.sentence == (
        "It is better than classic on by hand: its loss is 50.0\u00a0% lower (between 49.8 and 50.2\u00a0%)."
    )
    said = text_of(page.html)
    assert "at most 5 % wrong" in said
    wild = comparison.verdicts.of("wild")
    assert wild is not None
    assert f"1 of 4 undecided wild: about {wild.seeds_needed} seeds would decide. Undecided does not mean equal" in said
    assert "with 8 seeds and 4 contenders a difference of the size of one seed's noise is found with" in (
        said.replace("&#x27;", "'")
    )
    assert "6 of 40 runs n01 6 of 8" in said


def test_the_table_of_verdicts_has_a_row_for_each_with_divergence_and_its_interval() -> None:
    said = text_of(iw.report(mixed(), path=None).html)
    assert re.search(
        r"auto ✔ better 0\.5 −50\.0\s% \(−50\.2\s% to −49\.8\s%\) 8 of 8 seeds 0 of 8 \(0 to 37\s%\)", said
    )
    assert re.search(r"wild \? undecided .* 3 of 8 seeds .* about \d+ seeds would decide", said)
    assert re.search(r"n01 ✖ worse .* 6 of 8 \(35 to 97\s%\)", said)
    assert re.search(r"same ≈ equivalent ", said)


def test_where_nothing_is_better_the_reference_is_kept_and_the_undecided_are_named() -> None:
    page = iw.report(compared({"classic": spread(1.0), "wild": WILD, "n01": [None] * 8}), path=None)
    assert page.verdict.value == "Keep classic"
    assert page.verdict.sentence == (
        "No contender was shown to be better on by hand. n01 is worse than classic."
        " Whether wild differs from it could not be shown."
    )
    assert page.verdict.tone == "warning"
    decided = iw.report(compared({"classic": spread(1.0), "n01": [None] * 8}), path=None)
    assert decided.verdict.tone == "good"


def test_two_that_are_better_are_not_said_to_differ_from_each_other() -> None:
    page = iw.report(compared({"classic": spread(1.0), "a": spread(0.5), "b": spread(0.6)}), path=None)
    assert page.verdict.sentence.endswith(
        "b is better than classic too; a has the lowest loss of them, but they were not tested against each other."
    )


def test_without_a_named_reference_the_best_of_the_table_is_told() -> None:
    losses: dict[str, list[float | None]] = {"classic": spread(1.0), "wild": WILD, "n01": [None] * 8}
    page = iw.report(compared(losses, reference=None), path=None)
    assert page.verdict.value == "Use classic, at learning rate 0.1"
    assert page.verdict.sentence.endswith("n01 is worse; for wild no difference could be shown.")
    none = iw.report(compared({"classic": spread(1.0), "wild": WILD}, reference=None), path=None)
    assert none.verdict.value == "No winner was shown"
    assert none.verdict.tone == "warning"


def test_the_charts_have_every_run_the_chosen_rates_and_the_divergences() -> None:
    comparison = mixed()
    sets = data_of(iw.report(comparison, path=None).html)["sets"]
    assert len(sets["seeds"]["dots"]) == 34
    assert sets["seeds"]["lost"] == [{"s": 3, "name": "n01", "count": "6 of 8 diverged", "x": 3}]
    assert {(row["name"], row["x"]) for row in sets["rates"]["medians"] if row["chosen"]} == {
        (name, 0.1) for name in comparison.rates
    }
    assert {row["x"] for row in sets["rates"]["lost"]} == {1.0}
    last = [row for row in sets["curves"]["lines"] if row["x"] == 40]
    assert [row["runs"] for row in last] == [8, 8, 8, 2, 8]
    assert last[1]["y"] == pytest.approx(0.5, rel=0.02)
    assert last[1]["low"] < last[1]["y"] < last[1]["high"]
    assert [row["module"] for row in sets["signals"]["lines"][:4]] == ["block.0", "block.1", "block.2", "block.3"]


def test_an_interval_that_reaches_far_beyond_the_curves_does_not_flatten_them() -> None:
    losses: dict[str, list[float | None]] = {"classic": [1.0, 1.1], "torn": [0.001, 2.0]}
    page = iw.report(compared(losses), path=None)
    sets, specs = data_of(page.html)["sets"], data_of(page.html, "specs")
    assert max(row["high"] for row in sets["curves"]["lines"]) > 1e6
    domain = specs["curves"]["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert domain[1] < 1e3


def test_every_chart_has_its_numbers_in_a_table() -> None:
    page = iw.report(mixed(), path=None).html
    tables = [re.sub(r"<[^>]+>", " ", each) for each in re.findall(r"<details>.*?</details>", page, re.DOTALL)]
    assert [re.findall(r"\S.*?, as a table", each)[0] for each in tables] == [
        "Losses by seed, as a table",
        "Training loss by step, as a table",
        "Signals at initialization, as a table",
        "Median loss by learning rate, as a table",
    ]
    assert tables[0].count("diverged") == 6
    assert tables[3].count("chosen") == 5
    assert tables[3].count("2 of 2 diverged") == 5


def test_a_difference_and_its_interval_have_one_unit() -> None:
    wide: list[float | None] = [0.5 * 20.0 ** (-1) ** (seed % 3) for seed in range(8)]
    page = iw.report(compared({"classic": spread(1.0), "wide": wide}), path=None).html
    told = data_of(page)["sets"]["differences"]["points"][0]["told"]
    assert re.fullmatch(r"×[\d.]+ \(×[\d.]+ to ×[\d.]+\)", told), told


def test_a_grid_whose_end_was_chosen_is_warned_of_once_for_all() -> None:
    comparison = compared({"classic": spread(1.0), "auto": spread(0.5)}, rates=(0.1, 1.0))
    page = iw.report(Comparison(comparison.experiment, _at_the_end(comparison), {}), path=None)
    assert "classic and auto: 0.1 is the lowest learning rate of the grid" in text_of(page.html)


def _at_the_end(comparison: Comparison) -> Any:
    moved = {cell: run for cell, run in comparison.outcomes.items() if cell.tunes}
    for cell, run in comparison.outcomes.items():
        moved.setdefault(replace(cell, rate=0.1), run)
    for cell in [each for each in moved if each.tunes]:
        loss = 1.0 if cell.rate == 0.1 else 2.0
        moved[cell] = replace(moved[cell], diverged=False, validation=loss)
    return moved


@pytest.mark.parametrize(
    "losses",
    [
        {"classic": [None] * 8, "auto": [None] * 8},
        {"classic": [0.0, -1.0, 2.0], "auto": [0.5, -1.5, 1.0]},
        {f"number {place}": spread(1.0 + place) for place in range(12)},
        {"classic": spread(1.0), "auto": spread(3.0)[:3]},
        {"classic": [1.0, 1.0, 1.0], "auto": [1.0, 1.0, 1.0]},
    ],
    ids=["all diverged", "losses below zero", "twelve strategies", "stopped early", "no spread"],
)
def test_odd_tables_make_a_page_in_every_form(losses: dict[str, list[float | None]], tmp_path: Path) -> None:
    comparison = compared(losses, reference=next(iter(losses)), rates=(0.1,))
    for ending in ("html", "md", "svg", "json"):
        iw.report(comparison, path=tmp_path / f"compare.{ending}")
        assert "nan" not in (tmp_path / f"compare.{ending}").read_text(encoding="utf-8").split("<script")[0].lower()
    assert "not tuned" in (tmp_path / "compare.md").read_text(encoding="utf-8")


def test_the_other_forms_tell_the_same() -> None:
    page = iw.report(mixed(), path=None, title="Mine")
    told = page.to_markdown()
    assert told.startswith("# Mine\n\n**Use auto, at learning rate 0.1.** It is better than classic")
    assert "| wild | undecided |" in told
    assert page.to_svg().count("<circle") == 34
    assert "6 of 8 diverged" in page.to_svg()
    assert json.loads(page.to_json())["best"] == "auto"
    assert page.html == iw.report(mixed(), path=None, title="Mine").html


def test_the_command_writes_what_the_ending_of_its_file_asks_for() -> None:
    def written(name: str) -> str:
        return _rendered(mixed(), Format.TABLE, Path(name))

    assert written("compare.html").startswith("<!doctype html>")
    assert written("compare.md").startswith("# Initializations compared on by hand")
    assert json.loads(written("compare.json"))["best"] == "auto"
    assert written("compare.txt") == str(mixed())


def test_what_belongs_to_a_model_is_refused_for_a_comparison() -> None:
    with pytest.raises(iw.ArgumentError, match="inputs, measured belong to the report about a model"):
        iw.report(mixed(), None, torch.randn(1), measured=True, path=None)  # type: ignore[call-overload]
    with pytest.raises(iw.ArgumentError, match=r"must end with \.html, \.htm, \.md, \.svg, \.json"):
        iw.report(mixed(), path="compare.pdf")
    with pytest.raises(iw.ArgumentError, match=r"must end with \.html, \.htm, \.md, \.svg$"):
        iw.report(nn.Linear(2, 2), path="report.json")


def test_names_that_look_like_markup_stay_names() -> None:
    losses = {"</script><script>alert(1)</script>": spread(1.0), "<!--vega-->": spread(0.5)}
    comparison = compared(losses, reference="<!--vega-->")
    page = iw.report(comparison, path=None, title="<img src=x>")
    assert "<script>alert" not in page.html
    assert "<img" not in page.html
    assert "<script>alert" not in page.to_svg()


def test_in_a_browser_it_is_silent_offline_and_fits_a_phone_and_paper(tmp_path: Path) -> None:
    path = tmp_path / "compare.html"
    iw.report(mixed(), path=path)
    with browser() as started:
        with opened(started, path) as found:
            assert found.tab.locator(".chart .marks").count() == 5
            found.tab.locator("#chart-curves").scroll_into_view_if_needed()
            box = found.tab.locator("#chart-curves .marks").bounding_box()
            for height in range(0, int(box["height"]), 4):
                found.tab.mouse.move(box["x"] + box["width"] - 8, box["y"] + height)
                if found.tab.is_visible(".tip"):
                    break
            assert "runs left" in found.tab.inner_text(".tip")
            found.tab.click("#theme")
            assert found.tab.get_attribute("html", "data-theme") == "dark"
            found.tab.click("#verdicts details summary")
            assert found.tab.is_visible("#verdicts details table")
            assert found.said == []
            assert found.asked == [path.as_uri()]
        with opened(started, path, width=390, scheme="dark") as found:
            assert found.tab.evaluate("document.documentElement.scrollWidth") <= 390
            assert found.said == []
        with opened(started, path, width=703) as found:
            found.tab.emulate_media(media="print")
            found.tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
            assert found.tab.is_visible("#training svg.still")
            assert not found.tab.is_visible("#chart-curves")
            assert found.tab.locator("details[open]").count() == 4
            assert found.tab.evaluate("document.documentElement.scrollWidth") <= 703
