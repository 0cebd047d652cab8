"""The progress bar shows on a terminal when a write takes long, and never changes what is written."""

from __future__ import annotations

import io
import sys
import time

import pytest
from torch import nn

import initwise as iw
from initwise.writing import _progress
from initwise.writing._progress import Bytes, progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _watched(monkeypatch: pytest.MonkeyPatch) -> _Terminal:
    """Put a terminal in the place of stderr; in the test itself, since pytest sets stderr anew after fixtures."""
    stream = _Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    return stream


def test_a_long_write_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _watched(monkeypatch)
    monkeypatch.setattr(_progress, "_PATIENCE", -1.0)
    assert list(progress([3, 1, 4], lambda weight: weight)) == [3, 1, 4]
    assert "writing weights" in terminal.getvalue()


def test_a_short_write_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _watched(monkeypatch)
    monkeypatch.setattr(_progress, "_PATIENCE", 1e9)
    assert list(progress([3, 1, 4], lambda weight: weight)) == [3, 1, 4]
    assert terminal.getvalue() == ""


def test_nothing_is_shown_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(_progress, "_PATIENCE", -1.0)
    assert list(progress([1, 2], lambda weight: weight)) == [1, 2]
    assert stream.getvalue() == ""


def test_the_bar_changes_no_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _watched(monkeypatch)
    watched, plain = nn.LSTM(4, 5), nn.LSTM(4, 5)
    iw.initialize(plain, "kaiming", seed=1)
    monkeypatch.setattr(_progress, "_PATIENCE", -1.0)
    iw.initialize(watched, "kaiming", seed=1)
    assert iw.digest(watched) == iw.digest(plain)
    assert "writing weights" in terminal.getvalue()


def test_bytes_are_shown_with_rate_and_time_left_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _watched(monkeypatch)
    monkeypatch.setattr(_progress, "_PATIENCE", -1.0)
    with Bytes(4 * 10**9) as count:
        count.advance(10**9)
        count.advance(10**9)
    assert "writing weights" in terminal.getvalue()
    assert "2.0/4.0 GB" in terminal.getvalue()


def test_elsewhere_a_line_comes_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    clock = iter([0.0, 10.0, 40.0, 50.0, 71.0, 80.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with Bytes(141_100_000_000) as count:
        for size in (1, 24_000_000_000, 10**9, 46_000_000_000, 70_099_999_999):
            count.advance(size)
    assert stream.getvalue().splitlines() == [
        "initwise: 24.0 of 141.1 GB written, 0.60 GB/s, 0:03:15 left",
        "initwise: 71.0 of 141.1 GB written, 1.00 GB/s, 0:01:10 left",
    ]


@pytest.mark.parametrize("terminal", [True, False])
def test_bytes_that_nobody_asks_for_are_not_shown(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    stream = _watched(monkeypatch) if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(_progress, "_PATIENCE", -1.0)
    monkeypatch.setattr(_progress, "_EVERY", -1.0)
    with Bytes(10, shown=False) as count:
        count.advance(5)
    assert (count.done, stream.getvalue()) == (5, "")
