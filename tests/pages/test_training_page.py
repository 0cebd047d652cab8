"""The report about a training: what it says in which case, that it stands by itself, and in a real browser."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import initwise as iw
from initwise.findings import found
from initwise.monitoring import Alert, Flight, Suggestion
from initwise.pages.training import TrainingPage
from initwise.pages.training._content import Training
from initwise.pages.training._grid import FRAMES, LAYERS, PARAMETERS, drawn_frames, grids
from tests.pages.browser import Opened, browser, opened
from tests.pages.test_comparison_page import data_of, text_of
from tests.pages.test_page import Balance
from tests.pages.trainings import seen, trained


@pytest.fixture(scope="module")
def broken() -> iw.Monitor:
    """A training with a ReLU that is dead from the start."""
    return trained(wrong=True)


def page_of(training: Training) -> TrainingPage:
    """The page about what was seen, which is written nowhere."""
    return TrainingPage(content=training)


def test_the_page_is_one_balanced_file_without_network(broken: iw.Monitor, tmp_path: Path) -> None:
    page = iw.report(broken, path=tmp_path / "training.html")
    text = (tmp_path / "training.html").read_text(encoding="utf-8")
    assert text == page.html == iw.report(broken, path=None).html
    balance = Balance()
    balance.feed(text)
    assert balance.open == []
    assert not re.search(r'(?:src|href)="(?!#)', text)


def test_a_dead_layer_is_named_first_with_its_step_its_law_and_what_to_try(broken: iw.Monitor) -> None:
    page = iw.report(broken, path=None)
    assert page.verdict.tone == "error"
    assert page.verdict.sentence.startswith("Dead units. Step 0, 2.weight: 21.9% of 3 is alive: its weights were drawn")
    assert "To try next: another law for " in page.verdict.sentence
    said = text_of(page.html)
    assert re.search(r"SIG501 dead units step 0 2\.weight .* Law of 2\.weight : N\(0, 0\.25²\)", said)
    assert "2.bias law Constant(-4.0) Zeros()" in said
    assert "2.bias" in page.to_markdown()


def test_the_rules_on_the_page_are_those_of_the_suggestion(broken: iw.Monitor) -> None:
    page = iw.report(broken, path=None)
    (code,) = re.findall(r'<pre class="code"[^>]*>(.*?)</pre>', page.html, re.DOTALL)
    scope: dict[str, object] = {"model": broken.model}
    exec(code.replace("&#x27;", "'").replace("&quot;", '"'), scope)  # noqa: S102 - what a reader would paste
    told = [replace(each, why="") for each in broken.suggest().rules]
    assert scope["rules"] == told != []
    assert isinstance(scope["plan"], iw.Plan)


def test_a_sound_training_is_healthy_and_one_that_goes_on_is_healthy_so_far() -> None:
    monitor = trained(rate=0.02)
    assert iw.report(monitor, path=None).verdict.value == "Training looks healthy so far"
    monitor.close()
    page = iw.report(monitor, path=None)
    assert page.verdict.value == "Training looks healthy"
    assert page.verdict.tone == "good"
    assert "training is over" in text_of(page.html)


def test_a_loss_that_does_not_fall_is_not_healthy_though_there_is_no_alert() -> None:
    page = page_of(seen(frames=24, losses=[2.0 + 0.01 * step for step in range(24)]))
    assert page.verdict.value == "The loss does not fall"
    assert page.verdict.sentence.startswith("It was 2 at first and is 2.22 after 24 steps")
    assert page_of(seen(frames=24)).verdict.tone == "good"


def test_without_losses_nothing_is_said_of_health() -> None:
    page = page_of(seen(losses=[None] * 4))
    assert page.verdict.value == "No alert"
    assert "the loss was not told" in page.verdict.sentence
    assert "The loss was not told, or was never finite." in page.html


def test_before_the_first_step_the_page_says_that_nothing_was_seen(tmp_path: Path) -> None:
    monitor = iw.Monitor(nn.Linear(4, 4))
    for ending in ("html", "md", "svg", "json"):
        iw.report(monitor, path=tmp_path / f"training.{ending}")
    assert iw.report(monitor, path=None).verdict.value == "Nothing was seen"


def not_finite() -> Training:
    """A training whose second layer overflows in its third step."""
    training = seen(frames=3)
    row = replace(training.frames[2].layers[3], second_moment=None, peak=math.inf, infinite=7)
    last = replace(training.frames[2], loss=math.inf, layers=(*training.frames[2].layers[:3], row))
    frames = (*training.frames[:2], last)
    flight = Flight(2, "the output of block.1 is not finite: 0 NaN, 7 infinite", "block.1", frames)
    return replace(training, frames=frames, flight=flight)


def test_a_value_that_is_not_finite_is_the_verdict_with_the_flight_recorder_below() -> None:
    page = page_of(not_finite())
    assert page.verdict.value == "Training broke in step 2"
    assert page.verdict.sentence == "The output of block.1 is not finite: 0 NaN, 7 infinite."
    assert re.search(r"The last frames before it broke Step 2: .* block\.1 \(Linear\) 0 0 inf", text_of(page.html))
    assert [each["grids"]["signal"]["rows"][1][2] for each in [data_of(page.html)]] == ["!"]
    assert "## The last frames before it broke" in page.to_markdown()
    assert "not finite" in page.to_svg()


def test_the_map_has_layers_that_hold_parameters_or_activate_and_the_spread_has_all() -> None:
    signal, *others = grids(seen(layers=3))
    assert signal.names == ("block.0", "block.1", "block.2")
    assert signal.left == 3
    assert next(each for each in others if each.quantity.key == "update").names == tuple(
        f"block.{place}.weight" for place in range(3)
    )


def test_packed_numbers_are_right_to_a_hundredth_of_a_power_of_ten() -> None:
    training = seen()
    data = data_of(page_of(training).html)
    grid = data["grids"]["signal"]
    level, levels = 0, []
    for step in grid["rows"][0]:
        level += step
        levels.append(10 ** (level / 100))
    real = [frame.layers[0].second_moment for frame in training.frames]
    assert levels == pytest.approx(real, rel=0.012)
    assert levels != pytest.approx(real, rel=1e-6)
    assert data["names"][grid["names"][0]] == "block.0"


def test_a_large_training_is_thinned_below_a_million_bytes_and_the_page_says_so() -> None:
    alert = Alert(77, found("TRN902", "block.150.weight", "it moves", "1", "0.1"))
    training = seen(layers=300, frames=200, alerts=(alert,))
    page = page_of(training)
    assert len(page.html.encode()) < 1_000_000
    found_ = grids(training)
    assert max(len(each.names) for each in found_ if each.quantity.kind == "layer") == LAYERS
    assert max(len(each.names) for each in found_ if each.quantity.kind == "parameter") == PARAMETERS
    assert all("block.150" in each.names or "block.150.weight" in each.names for each in found_[:3])
    steps = [frame.step for frame in drawn_frames(training)]
    assert len(steps) <= FRAMES
    assert {0, 77, 199} <= set(steps)
    said = text_of(page.html)
    assert "200 steps were looked at, of which 60 are drawn" in said
    assert "244 more parameters have no row" in said


def test_every_chart_has_a_table_and_every_quantity_a_chart(broken: iw.Monitor) -> None:
    page = iw.report(broken, path=None).html
    heads = re.findall(r"<summary>(.*?), as a table</summary>", page)
    assert len(heads) == 1 + 6 + 1
    assert set(data_of(page, "specs")) == {"loss", "heat", "level", "share"}
    assert set(data_of(page)["charts"]) == {"signal", "gradient", "update", "idle", "rank", "distance"}


def test_an_alert_about_many_parameters_lists_some_with_their_laws() -> None:
    others = tuple(found("TRN902", f"block.{place}.weight", "it moves", "1", "0.1") for place in range(1, 20))
    alert = Alert(0, replace(found("TRN902", "block.0.weight", "it moves", "1", "0.1"), others=others))
    said = text_of(page_of(seen(layers=20, alerts=(alert,))).html)
    assert "All 20 that this is said of, with their laws" in said
    assert "8 more are in monitor.alerts" in said


def test_without_a_plan_there_is_no_law_and_no_difference() -> None:
    page = page_of(seen(alerts=(Alert(0, found("TRN902", "block.0.weight", "it moves", "1", "0.1")),)))
    assert "Law of" not in page.html
    assert "How the suggested plan differs" not in page.html


def test_the_other_forms_tell_the_same(broken: iw.Monitor, tmp_path: Path) -> None:
    for ending in ("md", "svg", "json"):
        iw.report(broken, path=tmp_path / f"training.{ending}", title="Mine")
    assert (tmp_path / "training.md").read_text(encoding="utf-8").startswith("# Mine\n\n**1 thing to look at.** Dead")
    picture = (tmp_path / "training.svg").read_text(encoding="utf-8")
    assert "Units that are dead, or outputs that are saturated, step by step" in picture
    stored = json.loads((tmp_path / "training.json").read_text(encoding="utf-8"))
    assert stored["frames"][0]["step"] == 0
    assert stored["suggestion"]["rules"] == [repr(each) for each in broken.suggest().rules]


def test_what_belongs_to_a_model_is_refused_for_a_monitor(broken: iw.Monitor) -> None:
    with pytest.raises(iw.ArgumentError, match="inputs belong to the report about a model; a monitor takes path"):
        iw.report(broken, None, torch.randn(1), path=None)  # type: ignore[call-overload]
    with pytest.raises(iw.ArgumentError, match=r"must end with \.html, \.htm, \.md, \.svg, \.json"):
        iw.report(broken, path="training.pdf")


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


def hostile() -> Training:
    """Names, messages and evidence that look like markup."""
    training = seen()
    rows = tuple(replace(each, module=HOSTILE, parameters=(HOSTILE,)) for each in training.frames[-1].layers[:1])
    frames = tuple(replace(each, layers=(*rows, *each.layers[1:])) for each in training.frames)
    alert = Alert(0, found("TRN902", HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE))
    notes = Suggestion(notes=(HOSTILE,))
    return replace(training, title=HOSTILE, frames=frames, alerts=(alert,), suggestion=notes, notes=(HOSTILE,))


def test_names_that_look_like_markup_stay_names() -> None:
    page = page_of(hostile())
    for text in (page.html, page.to_svg()):
        assert "<script>alert" not in text
        assert "<img" not in text
    assert HOSTILE in data_of(page.html)["names"]


@pytest.fixture(scope="module")
def shown(broken: iw.Monitor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Opened, Path, object]]:
    """The page in a browser."""
    path = tmp_path_factory.mktemp("pages") / "training.html"
    iw.report(broken, path=path)
    with browser() as started, opened(started, path) as found_:
        yield found_, path, started


def test_in_a_browser_charts_are_drawn_offline_and_the_controls_work(shown: tuple[Opened, Path, object]) -> None:
    page, path, _ = shown
    tab = page.tab
    assert tab.locator(".chart .marks").count() == 8
    assert tab.inner_text("#heat-title") == "Units that are dead, or outputs that are saturated"
    tab.select_option("#quantity", "signal")
    assert tab.inner_text("#heat-title").startswith("Signal")
    tab.select_option("#axis", "even")
    tab.select_option("#pick", "6")
    assert tab.inner_text("#picked").split() == ["━", "2", "×", "━", "6", "×"]
    tab.click("#picked button >> nth=0")
    assert tab.inner_text("#picked").split() == ["━", "6", "×"]
    tab.click("#chart-signal ~ details summary")
    tab.wait_for_function("document.querySelectorAll('#chart-signal ~ details tbody tr').length === 3 + 9")
    tab.click("#copy")
    tab.wait_for_function("document.getElementById('copied').textContent !== ''")
    tab.click("#theme")
    assert page.said == []
    assert page.asked == [path.as_uri()]


def test_a_page_after_one_step_and_one_that_broke_are_silent(
    shown: tuple[Opened, Path, object], tmp_path: Path
) -> None:
    path = tmp_path / "training.html"
    for training in (seen(frames=1), seen(layers=1, frames=2, losses=[math.nan, None]), not_finite()):
        path.write_text(page_of(training).html, encoding="utf-8")
        with opened(shown[2], path) as found_:
            found_.tab.select_option("#quantity", "update")
            found_.tab.select_option("#axis", "even")
            assert found_.said == []


def test_a_phone_and_paper_have_nothing_to_scroll_sideways(shown: tuple[Opened, Path, object]) -> None:
    _, path, started = shown
    with opened(started, path, width=390, scheme="dark") as found_:
        assert found_.tab.evaluate("document.documentElement.scrollWidth") <= 390
        assert found_.said == []
    with opened(started, path, width=703) as found_:
        found_.tab.emulate_media(media="print")
        assert found_.tab.is_visible("#layers svg.still")
        assert not found_.tab.is_visible("#chart-heat")
        assert found_.tab.evaluate("document.documentElement.scrollWidth") <= 703


def test_in_a_browser_nothing_in_a_name_runs(shown: tuple[Opened, Path, object], tmp_path: Path) -> None:
    path = tmp_path / "hostile.html"
    path.write_text(page_of(hostile()).html, encoding="utf-8")
    with opened(shown[2], path) as found_:
        assert found_.tab.locator("main img").count() == 0
        assert found_.tab.inner_text("h1") == HOSTILE
        assert found_.said == []
