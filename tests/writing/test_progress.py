"""The progress bar shows on a terminal when a write takes long, and never changes what is written."""

from __future__ import annotations

import io
import sys

import pytest
from torch import nn

import initwise as iw
from initwise.writing import _progress
from initwise.writing._progress import progress


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
