"""Plans as notebooks show them."""

from __future__ import annotations

from torch import nn

import initwise as iw
from initwise.reporting import LONG
from tests.reporting.fragments import parsed


def layers(count: int) -> nn.Sequential:
    return nn.Sequential(*(nn.Linear(3, 3) for _ in range(count)))


def test_a_plan_shows_every_parameter_with_its_law_and_its_digest() -> None:
    plan = iw.plan(layers(3), "xavier")
    text = plan._repr_html_()
    shown = parsed(text)
    for row in plan:
        assert row.name in shown.words
        assert row.law is not None
        assert row.law.describe() in shown.words
    assert plan.digest()[:16] in shown.text
    assert "details" not in shown.tags


def test_a_long_plan_shows_groups_and_every_parameter_on_request() -> None:
    plan = iw.plan(layers(LONG), "xavier")
    text = plan._repr_html_()
    shown = parsed(text)
    assert f"0-{LONG - 1}.weight" in shown.words
    assert f"All {2 * LONG} parameters" in shown.words
    assert all(row.name in shown.words for row in plan)
    assert text.index(f"0-{LONG - 1}.weight") < text.index("<details>") < text.index(">7.weight<")


def test_reasons_and_notes_are_escaped() -> None:
    plan = iw.plan(nn.Linear(2, 2), [iw.rule("*", iw.Zeros()), iw.rule("weight", iw.Ones(), why="<b> & so")])
    assert "&lt;b&gt; &amp; so" in plan._repr_html_()
    parsed(plan._repr_html_())
