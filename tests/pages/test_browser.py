"""The report in a real browser: it opens in silence, filters, sorts, links table and charts, fits a phone and paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import initwise as iw
from tests.pages.browser import Opened, browser, opened


class Block(nn.Module):
    """A residual block."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(32)
        self.up = nn.Linear(32, 64)
        self.down = nn.Linear(64, 32)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = x + self.down(torch.relu(self.up(self.norm(x))))
        return made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of ten residual blocks, one of them with a weight that is far too large."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(16, 32), *(Block() for _ in range(10)), nn.LayerNorm(32), nn.Linear(32, 10))
    plan = iw.plan(net, ["xavier", iw.rule("4.up.weight", iw.Normal(std=3.0))], inputs="8x16")
    iw.apply(net, plan)
    path = tmp_path_factory.mktemp("pages") / "report.html"
    iw.report(net, plan, torch.randn(8, 16), other="auto", path=path)
    return path


@pytest.fixture
def shown(chromium: Any, page: Path) -> Iterator[Opened]:
    with opened(chromium, page) as found:
        yield found


def rows(tab: Any) -> list[str]:
    names: list[str] = tab.eval_on_selector_all("#table tbody tr[data-name]", "all => all.map(one => one.dataset.name)")
    return names


def test_it_opens_without_a_word_on_the_console_and_without_asking_the_network(shown: Opened, page: Path) -> None:
    assert shown.said == []
    assert shown.asked == [page.as_uri()]
    assert shown.tab.locator("#chart-forward .marks").count() == 1
    assert shown.tab.locator("#chart-backward .marks").count() == 1


def test_words_in_the_filter_leave_the_parameters_that_have_all_of_them(shown: Opened) -> None:
    shown.tab.fill("#filter", "up weight")
    assert rows(shown.tab) == [f"{block}.up.weight" for block in range(1, 11)]
    assert "10 of 66" in shown.tab.inner_text("#count")


def test_a_heading_sorts_up_and_then_down_and_says_so(shown: Opened) -> None:
    head = shown.tab.locator("#table th", has_text="std").first
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert rows(shown.tab)[0] == "4.up.weight"


def test_the_keyboard_alone_chooses_a_parameter(shown: Opened) -> None:
    shown.tab.focus("#table tbody tr:first-child")
    shown.tab.keyboard.press("ArrowDown")
    shown.tab.keyboard.press("ArrowDown")
    shown.tab.keyboard.press("Enter")
    assert shown.tab.get_attribute("#table tbody tr:nth-child(3)", "aria-selected") == "true"
    assert shown.tab.inner_text("#detail h3") == rows(shown.tab)[2]


def test_a_chosen_weight_shows_its_histogram(shown: Opened) -> None:
    shown.tab.fill("#filter", "4.up.weight")
    shown.tab.click("#table tbody tr")
    shown.tab.wait_for_selector("#chart-bins .marks")
    assert "N(0, 3" in shown.tab.inner_text("#detail")
    assert shown.said == []


def test_a_click_on_a_point_chooses_its_row(shown: Opened) -> None:
    place = shown.tab.evaluate("window.initwise.place('forward', '4.up.weight')")
    box = shown.tab.locator("#chart-forward .marks").bounding_box()
    shown.tab.mouse.click(box["x"] + place["x"], box["y"] + place["y"])
    assert shown.tab.inner_text("#detail h3") == "4.up.weight"
    assert shown.tab.evaluate("window.initwise.chosen()") == "4.up.weight"


def test_the_dark_theme_follows_the_system_and_the_button(chromium: Any, page: Path) -> None:
    def paper(tab: Any) -> str:
        colour: str = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        return colour

    with opened(chromium, page, scheme="dark") as found:
        dark = paper(found.tab)
        found.tab.click("#theme")
        assert found.tab.get_attribute("html", "data-theme") == "light"
        assert paper(found.tab) == "rgb(255, 255, 255)" != dark
        assert found.said == []


def test_a_phone_has_nothing_to_scroll_sideways(chromium: Any, page: Path) -> None:
    with opened(chromium, page, width=390) as found:
        found.tab.click("#table tbody tr:nth-child(2)")
        assert found.tab.evaluate("document.documentElement.scrollWidth") <= 390


def test_paper_is_white_and_has_the_charts_but_no_buttons(chromium: Any, page: Path) -> None:
    with opened(chromium, page, scheme="dark") as found:
        found.tab.emulate_media(media="print")
        assert found.tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not found.tab.is_visible("#theme")
        assert not found.tab.is_visible("#filter")
        assert found.tab.is_visible("#signals svg.still")
        assert len(rows(found.tab)) == 66
