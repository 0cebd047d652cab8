"""The page as a sink: when it is written, that it is replaced in one step, and what happens where it cannot be."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest

import initwise as iw
from initwise.pages import Html
from initwise.pages.training import TrainingPage, _sink
from tests.pages.trainings import trained


class Clock:
    """A clock that stands still but for what it is told; a page takes as long as `cost`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, per_look: float = 0.0) -> None:
        self.now, self.per_look = 1000.0, per_look
        monkeypatch.setattr(_sink, "_now", self)
        self.written: list[int] = []
        write = TrainingPage.write

        def counted(page: TrainingPage) -> None:
            self.written.append(page.content.steps)
            write(page)

        monkeypatch.setattr(TrainingPage, "write", counted)

    def __call__(self) -> float:
        self.now += self.per_look
        return self.now


def test_it_is_written_after_the_first_frame_and_at_the_end_and_not_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    monitor = trained(8, rate=0.02, sinks=Html(tmp_path / "training.html", title="Mine"))
    assert clock.written == [0]
    monitor.close()
    monitor.close()
    assert clock.written == [0, 8]
    text = (tmp_path / "training.html").read_text(encoding="utf-8")
    assert "<title>Mine</title>" in text
    assert "training is over" in text


def test_it_is_written_again_when_the_time_has_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(
        monkeypatch, per_look=1.0
    )  # a look at each frame, and one before and behind a page: 2 s, then 100 s of rest
    trained(10, rate=0.02, sinks=Html(tmp_path / "training.html", every=2.0))
    assert clock.written == [0]
    clock.per_look = 0.0
    trained(10, rate=0.02, sinks=Html(tmp_path / "other.html", every=0.0))
    assert len(clock.written) == 1 + 10


def test_an_alert_whose_code_is_new_is_on_the_page_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    trained(6, wrong=True, sinks=Html(tmp_path / "training.html"))
    assert clock.written == [0, 0]  # the first frame, and its alert
    assert "SIG501" in (tmp_path / "training.html").read_text(encoding="utf-8")


def test_no_draft_is_left_and_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "training.html").symlink_to(tmp_path / "real" / "page.html")
    trained(3, sinks=Html(tmp_path / "training.html")).close()
    assert (tmp_path / "training.html").is_symlink()
    assert [each.name for each in (tmp_path / "real").iterdir()] == ["page.html"]


def test_a_reader_never_meets_half_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "training.html"
    path.write_text("the old page", encoding="utf-8")
    met: list[str] = []
    replace = Path.replace

    def looked(draft: Path, target: Path) -> Path:
        met.append(path.read_text(encoding="utf-8"))
        return replace(draft, target)

    monkeypatch.setattr(Path, "replace", looked)
    trained(2, rate=0.02, sinks=Html(path)).close()
    assert met[0] == "the old page"
    assert all(each.endswith("</html>\n") for each in met[1:])


def test_where_the_disk_refuses_it_training_goes_on_and_a_warning_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    page = Html(tmp_path / "training.html")
    monkeypatch.setattr(Path, "replace", full)
    with pytest.warns(UserWarning, match="training goes on: .* cannot be written: No space left on device"):
        monitor = trained(4, rate=0.02, sinks=page)
    assert monitor.steps == 4
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_is_told_of_nothing_writes_nothing(tmp_path: Path) -> None:
    page = Html(tmp_path / "training.html")
    monitor = trained(0, sinks=page)
    monitor.close()
    assert list(tmp_path.iterdir()) == []


def test_the_sink_does_not_keep_its_monitor_alive(tmp_path: Path) -> None:
    page = Html(tmp_path / "training.html")
    monitor = weakref.ref(trained(2, rate=0.02, sinks=page))
    gc.collect()
    assert monitor() is None
    page.close()


def test_two_monitors_at_a_time_are_refused_and_one_after_the_other_is_fine(tmp_path: Path) -> None:
    page = Html(tmp_path / "training.html")
    monitor = trained(2, rate=0.02, sinks=page)
    with pytest.raises(iw.ArgumentError, match="is written by another monitor that is still open; give each a path"):
        trained(1, sinks=page)
    monitor.close()
    trained(1, rate=0.02, sinks=page).close()


def test_what_cannot_be_a_page_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(iw.ArgumentError, match=r"must end with \.html"):
        Html(tmp_path / "training.pdf")
    with pytest.raises(iw.ArgumentError, match="there is no folder"):
        Html(tmp_path / "no" / "training.html")
    with pytest.raises(iw.ArgumentError, match="every is -1"):
        Html(tmp_path / "training.html", every=-1)
    with pytest.raises(iw.ArgumentError, match="path is None; give a file's name"):
        Html(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("ending", ["md", "svg", "json"])
def test_the_ending_decides_what_is_written(tmp_path: Path, ending: str) -> None:
    trained(2, rate=0.02, sinks=Html(tmp_path / f"training.{ending}")).close()
    text = (tmp_path / f"training.{ending}").read_text(encoding="utf-8")
    assert text.startswith({"md": "# Training", "svg": "<svg", "json": "{"}[ending])
