"""Signals as notebooks show them."""

from __future__ import annotations

from dataclasses import replace

from initwise.reporting import LONG
from tests.reporting.fragments import parsed
from tests.signals.shown_signals import deep, row, small, verdict


def test_signals_show_layers_with_bars_and_all_that_is_said_of_them() -> None:
    text = small(verdicts=(verdict(), verdict("backward", ok=False)))._repr_html_()
    shown = parsed(text)
    for words in ("Signals of Net, predicted, with 2x4 float32", "N(0, 0.5²)", "0.0001", "note: means over 8 samples"):
        assert words in shown.words
    assert "<p>loss 2.5, ln C = 2.303" in text
    assert '<p class="good">ok: forward, up -&gt; down' in text
    assert '<p class="error">not ok: backward, up -&gt; down: the signal grows 1.5-fold<br>' in text
    assert '<p class="warning">unknown: torch.linalg.eigh' in text


def test_bars_are_as_high_as_the_levels_and_what_is_unknown_has_a_dot() -> None:
    text = small()._repr_html_()
    first = text.split("<svg")[1]
    assert "<title>1</title><rect" in first
    assert 'height="16"/>' in first
    assert text.count("<circle") == 3  # both levels of the unknown row, and the gradient that is zero


def test_all_parameters_are_named_and_long_tables_wait_to_be_opened() -> None:
    shown = deep(40)
    text = shown._repr_html_()
    words = parsed(text).words
    assert all(name in words for name in shown.parameters)
    assert all(each.module in words for each in shown.rows)
    assert "net.h.0-39.up" in words
    assert text.count("<details>") == 2
    assert f"All {len(shown.rows)} layers" in words
    flat = [row(index, f"l{chr(97 + index)}", "linear", "w", second_moment=1.0) for index in range(26)]
    assert small(rows=tuple(flat))._repr_html_().count("<details>") == 1
    more = [replace(each, module=f"{each.module}x") for each in flat]
    assert len(flat + more) > LONG
    assert "<details><summary>Signals of Net" in small(rows=tuple(flat + more))._repr_html_()


def test_names_and_laws_are_escaped() -> None:
    parts = small(model="<script>", notes=("<b>",), loss_in_words="the loss <lambda>")._repr_html_()
    assert "script>" not in parts.replace("&lt;script&gt;", "")
    assert "note: &lt;b&gt;" in parts
    parsed(parts)
