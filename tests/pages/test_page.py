"""The report as a file: what it tells, that it stands by itself, and what is refused."""

from __future__ import annotations

import hashlib
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import initwise as iw

VOID = {"meta", "input", "br", "link", "img"}


def model() -> nn.Sequential:
    """A chain of layers."""
    layers = [layer for _ in range(6) for layer in (nn.Linear(64, 64), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(64, 10))


def planned(net: nn.Module, *, wrong: bool = False) -> iw.Plan:
    """A right plan, or one with a weight a hundred times too large in its second moment."""
    rules = [iw.rule(nn.Linear, weight=iw.KaimingNormal(nonlinearity="relu"), bias=iw.Zeros())]
    return iw.plan(net, [*rules, iw.rule("6.weight", iw.Normal(std=1.77))] if wrong else rules, inputs="8x64")


def rows(columns: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of what stands in the page by column, as its script reads them."""
    lists = [each if isinstance(each, list) else [each["of"][at] for at in each["at"]] for each in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


class Balance(HTMLParser):
    """Checks that tags are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_page_is_one_balanced_file_without_network_and_below_its_limit(tmp_path: Path) -> None:
    net = model()
    page = iw.report(net, planned(net), torch.randn(8, 64), path=tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text == page.html
    assert len(text.encode()) < 1_500_000
    balance = Balance()
    balance.feed(text)
    assert balance.open == []
    assert not re.search(r'(?:src|href)="(?!#)', text)


def test_the_data_of_a_page_has_every_parameter_and_both_series() -> None:
    net = model()
    page = iw.report(net, planned(net), torch.randn(8, 64), path=None)
    found = re.search(r'id="data">(.*?)</script>', page.html, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    names = [row["name"] for row in rows(data["plan"])]
    assert names == [name for name, _ in net.named_parameters()]
    assert data["series"] == ["predicted", "measured"]
    layer = next(point for point in rows(data["points"]) if point["m"] == "6")
    assert {names[place] for place in layer["p"]} == {"6.bias", "6.weight"}
    assert [0.2 < value < 20 for value in layer["f"]] == [True, True]
    bins = next(each for each in rows(data["bins"]) if each["name"] == "0.weight")
    assert sum(bins["counts"]) == 64 * 64
    assert sum(bins["expected"]) == pytest.approx(1.0, abs=1e-4)


def test_a_wrong_law_is_named_with_its_fix_in_every_form() -> None:
    net = model()
    page = iw.report(net, planned(net, wrong=True), torch.randn(8, 64), path=None)
    for text in (page.html, page.to_markdown()):
        assert "6.weight" in text
        assert "1.77" in text
    assert page.verdict.tone == "warning"
    assert iw.report(net, planned(net), torch.randn(8, 64), path=None).verdict.tone == "good"


def test_the_same_arguments_give_the_same_bytes() -> None:
    inputs = torch.randn(8, 64)
    pages = []
    for _ in range(2):
        torch.manual_seed(0)
        net = model()
        pages.append(iw.report(net, planned(net), inputs, path=None).html)
    assert pages[0] == pages[1]


def test_two_strategies_stand_side_by_side() -> None:
    net = model()
    page = iw.report(net, planned(net), torch.randn(8, 64), other="torch-default", path=None)
    assert "Beside torch-default" in page.html
    assert "predicted, torch-default" in page.html


def test_a_model_on_meta_is_predicted_and_the_page_says_why_no_more() -> None:
    with torch.device("meta"):
        net = model()
    page = iw.report(net, planned(net), torch.randn(8, 64), path=None)
    assert page.content.predicted is not None
    assert page.content.measured is None
    assert "nothing is measured: the model is on the meta device" in page.html
    with pytest.raises(iw.ArgumentError, match="measured=True, but the model is on the meta device"):
        iw.report(net, planned(net), torch.randn(8, 64), measured=True, path=None)


def test_a_picture_and_a_comment_are_written_by_their_ending(tmp_path: Path) -> None:
    net = model()
    for ending in ("md", "svg"):
        iw.report(net, planned(net), torch.randn(8, 64), path=tmp_path / f"report.{ending}")
    assert (tmp_path / "report.md").read_text(encoding="utf-8").startswith("# Sequential at initialization")
    assert (tmp_path / "report.svg").read_text(encoding="utf-8").count('<path class="s1"') == 3


@pytest.mark.parametrize(
    ("path", "said"),
    [("report.pdf", "must end with .html"), ("nowhere/report.html", "there is no folder 'nowhere'")],
)
def test_a_path_that_cannot_be_written_is_refused_before_any_work(path: str, said: str) -> None:
    with pytest.raises(iw.ArgumentError, match=said):
        iw.report(object(), path=path)  # type: ignore[call-overload]


def test_what_is_vendored_is_what_its_page_says() -> None:
    folder = Path(iw.__file__).parent / "pages" / "vendor"
    listed = dict(re.findall(r"^\| (\S+\.js) .* ([0-9a-f]{64}) \|$", (folder / "SOURCES.md").read_text(), re.MULTILINE))
    assert listed == {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in folder.glob("*.js")}


def test_without_inputs_the_same_built_ones_are_predicted_and_measured() -> None:
    net = model()
    content = iw.report(net, planned(net), path=None).content
    assert content.predicted is not None
    assert content.measured is not None
    assert content.measured.inputs == content.predicted.inputs == "2x64 float32"


class Named(nn.Module):
    """Layers with the names that are given."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        for name in names:
            self.add_module(name, nn.Linear(8, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.children():
            x = layer(x)
        return x


def test_names_that_look_like_markup_stay_names() -> None:
    names = ["</script><script>alert(1)</script>", "<!--vega-->", "<img src=x onerror=alert(1)>", "\u2028\"'&amp;"]
    net = Named(*names)
    text = iw.report(net, "kaiming", torch.randn(4, 8), title="</title><!--data-->", path=None).html
    found = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    assert [row["name"] for row in rows(json.loads(found[1])["plan"])][::2] == [f"{name}.weight" for name in names]
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "<title>&lt;/title&gt;&lt;!--data--&gt;</title>" in text


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_weights_that_are_not_finite_or_as_large_as_can_be_make_a_page() -> None:
    net = Named("a", "b")
    with torch.no_grad():
        net.get_parameter("a.weight")[0, 0] = math.nan
        net.get_parameter("b.weight").fill_(3e38)[0] = -3e38
    page = iw.report(net, "kaiming", torch.randn(4, 8), path=None)
    assert page.content.bins["b.weight"].counts[0] == 8
    assert "NaN" in page.html


def test_zeros_that_no_axis_has_a_place_for_are_told_and_training_that_cannot_start() -> None:
    net = Named("a", "b")
    rules = [iw.rule(nn.Linear, weight=iw.Zeros(), bias=iw.Zeros())]
    page = iw.report(net, rules, torch.randn(4, 8), path=None)
    assert "Nothing to draw: every number is exactly zero: nothing arrives." in page.html
    assert page.verdict.tone == "warning"
    assert "No layer's weight receives a gradient" in page.verdict.sentence
    one = iw.report(net, [*rules, iw.rule("a.weight", iw.Normal(std=0.3))], torch.randn(4, 8), path=None)
    assert "Not drawn, since the axis is logarithmic:" in one.html
    assert one.verdict.tone == "good"


def test_a_model_without_parameters_and_one_whose_parameter_takes_no_part_make_a_page() -> None:
    class Unused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.zeros(8))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 2

    assert "how the signal grows is not known" in iw.report(nn.ReLU(), "kaiming", torch.randn(4, 8), path=None).html
    page = iw.report(Unused(), [iw.rule("w", iw.Zeros())], torch.randn(4, 8), path=None)
    assert "All is well" in page.html


def test_a_culprit_is_told_once_and_counted_once() -> None:
    net = model()
    plan = planned(net, wrong=True)
    iw.apply(net, plan)
    page = iw.report(net, plan, torch.randn(8, 64), path=None)
    told = [each.code for each in page.content.findings if each.parameter == "6.weight"]
    assert told.count("SIG507") == 1
    assert page.verdict.value == "1 thing to look at"


def test_the_data_of_a_hundred_like_layers_are_a_small_part_of_its_page() -> None:
    with torch.device("meta"):
        net = nn.Sequential(*(nn.Linear(16, 16) for _ in range(100)))
    page = iw.report(net, "xavier", torch.randn(2, 16), path=None)
    found = re.search(r'id="data">(.*?)</script>', page.html, re.DOTALL)
    assert found is not None
    assert len(found[1]) < 40_000
