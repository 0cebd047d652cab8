"""The report in a real browser: it opens in silence, filters, sorts, links table and charts, fits a phone and paper."""

from __future__ import annotations

from collections import OrderedDict
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


def test_the_keyboard_alone_sorts_and_chooses_a_parameter(shown: Opened) -> None:
    shown.tab.focus("#table thead button[data-key=std]")
    shown.tab.keyboard.press("Enter")
    shown.tab.keyboard.press("Space")
    assert shown.tab.get_attribute("#table th:has([data-key=std])", "aria-sort") == "descending"
    shown.tab.focus("#table tbody tr:first-child button")
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        shown.tab.keyboard.press(key)
    assert shown.tab.get_attribute("#table tbody tr:nth-child(3) button", "aria-pressed") == "true"
    assert shown.tab.inner_text("#detail h3") == rows(shown.tab)[2]
    shown.tab.keyboard.press("End")
    assert shown.tab.evaluate("document.activeElement.closest('tr').dataset.name") == rows(shown.tab)[-1]


def test_the_tabulator_reaches_every_control_once_each_named_and_with_a_ring(shown: Opened) -> None:
    shown.tab.evaluate("document.body.focus()")
    seen = []
    for _ in range(60):
        shown.tab.keyboard.press("Tab")
        found = shown.tab.evaluate(
            """(() => { const at = document.activeElement, style = getComputedStyle(at);
            const labels = [...(at.labels || [])].map((each) => each.textContent).join();
            const named = at.textContent || at.ariaLabel || labels;
            return at === document.body ? null : [named.trim(), style.outlineStyle !== 'none', at.tagName]; })()"""
        )
        if found is None:
            break
        seen.append(found)
    assert [name for name, ring, _ in seen if not name or not ring] == []
    assert len(seen) < 60
    names = [name for name, _, _ in seen]
    assert {"Dark", "+", "all", "std", "Skip to the report"} < set(names)
    assert sum(name in rows(shown.tab) for name in names) == 1
    assert sum(tag in ("INPUT", "SELECT") for _, _, tag in seen) == 3


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


def test_names_that_look_like_markup_are_shown_and_nothing_in_them_runs(chromium: Any, tmp_path: Path) -> None:
    names = ["</script><script>pwned=1</script>", "<!--vega-->", "<img src=x onerror=pwned=1>", "w" * 200]
    net = nn.Sequential(OrderedDict((name, nn.Linear(8, 8)) for name in names))
    path = tmp_path / "report.html"
    iw.report(net, "kaiming", torch.randn(4, 8), title="</title><script>pwned=1</script>", path=path)
    with opened(chromium, path, width=390) as found:
        assert rows(found.tab)[::2] == [f"{name}.weight" for name in names]
        found.tab.click("#table tbody tr:first-child")
        assert found.tab.inner_text("#detail h3") == f"{names[0]}.weight"
        assert found.tab.evaluate("typeof pwned") == "undefined"
        assert found.tab.evaluate("document.documentElement.scrollWidth") <= 390
        assert found.said == []


@pytest.mark.parametrize("kind", ["without parameters", "without inputs", "zeros", "one parameter"])
def test_a_page_that_has_little_to_show_is_silent_under_pointer_and_buttons(
    chromium: Any, tmp_path: Path, kind: str
) -> None:
    zeros = iw.rule(nn.Linear, weight=iw.Zeros(), bias=iw.Zeros())
    net: nn.Module = nn.ReLU() if kind == "without parameters" else nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    if kind == "one parameter":
        net = nn.Linear(8, 8, bias=False)
    path = tmp_path / "report.html"
    inputs = None if kind == "without inputs" else torch.randn(4, 8)
    iw.report(net, [zeros] if kind == "zeros" else "kaiming", inputs, measured=inputs is not None, path=path)
    with opened(chromium, path) as found:
        for figure in found.tab.locator("#signals figure").all():
            figure.hover()
        for button in found.tab.locator("[data-zoom], #theme, #table thead button, #table tbody button").all():
            button.click()
        assert found.said == []


def test_a_range_is_drawn_moved_and_left_and_told(shown: Opened) -> None:
    def ends() -> list[float]:
        found: list[float] = shown.tab.evaluate("window.initwise.range()")
        return found

    whole = ends()
    chart = shown.tab.locator("#chart-forward .marks").bounding_box()
    shown.tab.mouse.move(chart["x"] + 300, chart["y"] + 100)
    shown.tab.mouse.down()
    shown.tab.mouse.move(chart["x"] + 500, chart["y"] + 100)
    shown.tab.mouse.move(chart["x"] + 600, 5)  # let go outside of the chart
    shown.tab.mouse.up()
    drawn = ends()
    assert whole[0] < drawn[0] < drawn[1] < whole[1]
    assert shown.tab.inner_text("#range").startswith("layers ")
    for _ in range(20):
        shown.tab.click("[data-zoom=right]")
    assert ends()[1] == whole[1]
    assert ends()[1] - ends()[0] == pytest.approx(drawn[1] - drawn[0])
    shown.tab.click("[data-zoom=all]")
    assert ends() == whole
    assert shown.said == []


def test_the_pointer_may_be_in_a_chart_before_it_is_drawn(chromium: Any, page: Path) -> None:
    with opened(
        chromium,
        page,
        before="document.getElementById('chart-forward').dispatchEvent("
        "new PointerEvent('pointermove', {clientX: 300, clientY: 300}))",
    ) as found:
        assert found.said == []


def test_motion_is_smooth_only_for_those_who_did_not_ask_for_less(shown: Opened) -> None:
    smooth = "getComputedStyle(document.documentElement).scrollBehavior"
    assert shown.tab.evaluate(smooth) == "smooth"
    shown.tab.emulate_media(reduced_motion="reduce")
    assert shown.tab.evaluate(smooth) == "auto"


def test_nothing_on_paper_is_wider_than_the_paper(chromium: Any, page: Path) -> None:
    with opened(chromium, page, width=703) as found:  # A4 without its margins
        found.tab.emulate_media(media="print")
        assert found.tab.evaluate("document.documentElement.scrollWidth") <= 703
        assert found.tab.evaluate("document.querySelector('#table').scrollWidth") <= 703


def test_charts_are_described_by_the_verdicts(shown: Opened) -> None:
    for side in ("forward", "backward"):
        chart = shown.tab.locator(f"#chart-{side}")
        assert chart.get_attribute("role") == "img"
        assert "predicted and measured" in chart.get_attribute("aria-label")
        told = shown.tab.inner_text(f"#{chart.get_attribute('aria-describedby')}")
        assert "4.up.weight" in told
