"""Where frames and alerts go."""

from __future__ import annotations

import csv
import json
import sys
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch

import initwise as iw
from initwise.errors import NotSupportedError
from initwise.monitoring import Alert, Csv, Frame, JsonLines, TensorBoard, WandB, scalars
from tests.monitoring.training import net, train


def run(*sinks: Any, steps: int = 3) -> iw.Monitor:
    """Train with an optimizer that lacks the last layer."""
    model = net()
    optimizer = torch.optim.SGD(list(model.parameters())[:4], lr=0.01)
    monitor = iw.Monitor(model, optimizer=optimizer, sinks=sinks)
    train(model, monitor, optimizer, steps)
    monitor.close()
    return monitor


def test_json_lines_hold_each_frame_and_each_alert(tmp_path: Path) -> None:
    monitor = run(JsonLines(tmp_path / "new" / "run.jsonl"))
    lines = [json.loads(line) for line in (tmp_path / "new" / "run.jsonl").read_text().splitlines()]
    assert [next(iter(line)) for line in lines] == ["frame", "alert", "frame", "frame"]
    assert lines[0]["frame"]["layers"][0]["second_moment"] == monitor.frames[0].layers[0].second_moment
    assert lines[1]["alert"]["code"] == "TRN903"


def test_csv_holds_long_rows_and_is_added_to(tmp_path: Path) -> None:
    run(Csv(tmp_path / "run.csv"))
    monitor = run(Csv(tmp_path / "run.csv"))
    with (tmp_path / "run.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["step", "kind", "name", "quantity", "value"]
    losses = [float(row["value"]) for row in rows if row["kind"] == "loss"]
    assert losses[3:] == pytest.approx([frame.loss for frame in monitor.frames])
    wanted = {"step": "2", "kind": "parameter", "name": "0.weight", "quantity": "update_ratio"}
    assert any(wanted.items() <= row.items() for row in rows)
    assert [row["name"] for row in rows if row["quantity"] == "TRN903"] == ["4.weight", "4.bias"] * 2


def test_a_frame_as_numbers_leaves_out_what_is_unknown() -> None:
    frame = run().frames[0]
    names = scalars(frame)
    assert names["layer/1/dead"] == frame.layers[1].dead
    assert "layer/0/dead" not in names
    assert "layer/0/nan" not in names


def test_an_object_with_three_methods_is_a_sink() -> None:
    class Kept:
        def __init__(self) -> None:
            self.seen: list[str] = []

        def frame(self, frame: Frame) -> None:
            self.seen.append(f"frame {frame.step}")

        def alert(self, alert: Alert) -> None:
            self.seen.append(alert.code)

        def close(self) -> None:
            self.seen.append("closed")

    kept = Kept()
    run(kept, steps=2)
    assert kept.seen == ["frame 0", "TRN903", "frame 1", "closed"]


def test_a_sink_that_asks_for_it_is_told_of_its_monitor_before_the_first_step() -> None:
    class Looking:
        def __init__(self) -> None:
            self.seen: list[tuple[str, int, bool]] = []

        def watch(self, monitor: iw.Monitor) -> None:
            self.of = weakref.ref(monitor)
            self._note("watch")

        def frame(self, frame: Frame) -> None:
            self._note("frame")

        def alert(self, alert: Alert) -> None:
            self._note(alert.code)

        def close(self) -> None:
            self._note("close")

        def _note(self, what: str) -> None:
            monitor = self.of()
            assert monitor is not None
            self.seen.append((what, len(monitor.frames), monitor.closed))

    looking = Looking()
    monitor = run(looking, steps=1)
    assert looking.seen == [("watch", 0, False), ("frame", 1, False), ("TRN903", 1, False), ("close", 1, True)]
    assert monitor.plan is None
    assert isinstance(monitor.model, torch.nn.Sequential)


def test_tensorboard_has_curves_and_alerts(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed: pip install tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monitor = run(TensorBoard(tmp_path))
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    points = events.Scalars("initwise/parameter/0.weight/update_ratio")
    assert [point.step for point in points] == [0, 1, 2]
    assert points[1].value == pytest.approx(monitor.frames[1].parameters[0].update_ratio)
    assert "initwise/alerts/TRN903/text_summary" in events.Tags()["tensors"]


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # wandb's own
def test_wandb_offline_has_curves_on_their_own_axis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb", reason="wandb is not installed: pip install wandb")
    for name in ("WANDB_MODE", "WANDB_SILENT"):
        monkeypatch.setenv(name, {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}[name])
    with wandb.init(project="initwise", dir=str(tmp_path)) as active:
        monitor = run(WandB())
        summary = dict(active.summary)
        assert summary["initwise/step"] == 2
        ratio = monitor.frames[2].parameters[0].update_ratio
        assert summary["initwise/parameter/0.weight/update_ratio"] == pytest.approx(ratio)
    assert list(tmp_path.rglob("*.wandb"))


@pytest.mark.parametrize(("package", "make"), [("tensorboard", TensorBoard), ("wandb", lambda _: WandB())])
def test_a_sink_without_its_library_says_what_to_install(
    package: str, make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [each for each in sys.modules if each.startswith(("torch.utils.tensorboard", package))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(NotSupportedError, match=f"the package {package} is not installed; pip install {package}"):
        make(tmp_path)
