from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna", reason="Optuna, the engine of comparisons, is not installed")

from initwise.comparison import CellError, Comparison, Experiment, Task, arranged, compare
from initwise.comparison._cells import TUNING, Cell
from initwise.comparison._compare import Running, opened
from initwise.comparison.engine import Board, work
from initwise.comparison.engine import _claims as claims
from initwise.comparison.engine._board import DIED, LOST, TWICE, cell_of
from initwise.comparison.engine._lock import mend
from initwise.errors import ArgumentError
from tests.comparison import postgres
from tests.comparison.toys import TOY, data, logged

ROOT = Path(__file__).parents[2]
PLACES = f"{ROOT / 'src'}{os.pathsep}{ROOT}"  # scripts import this tree, and these tests


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "cells.journal")


def small(task: Task = TOY, seeds: int = 6, **options: Any) -> Experiment:
    """Two strategies: 2 x 2 x 2 cells to tune and 2 x 6 to decide."""
    settings: dict[str, Any] = {
        "seeds": seeds,
        "budget": None,
        "learning_rates": None,
        "tuning_seeds": 2,
        "reference": None,
        "racing": False,
        "alpha": 0.05,
        "margin": None,
        "test": "t",  # its power takes no time
        "underpowered": False,
    }
    return arranged(task, ["xavier", "kaiming"], **settings | options)


def run(task: Task, place: str | Path, seeds: int = 6, **options: Any) -> Comparison:
    settings: dict[str, Any] = {"progress": False, "racing": False, "test": "t"}
    return compare(task, ["xavier", "kaiming"], seeds=seeds, storage=place, **settings | options)


def trials(place: str, name: str = "toy") -> list[Any]:
    with closing(Board(place, name, small().design)) as board:
        return board._trials()


def complete(place: str) -> Counter[Cell]:
    return Counter(cell_of(each) for each in trials(place) if each.state.name == "COMPLETE")


def without_time(comparison: Comparison) -> dict[Cell, Any]:
    return {cell: replace(each, seconds=0) for cell, each in comparison.outcomes.items()}


# ------------------------------------------------------------------------------------------------- runs and resumes


def test_processes_and_one_process_find_the_same_and_a_second_call_runs_nothing(tmp_path: Path, place: str) -> None:
    alone = run(TOY, tmp_path / "alone.journal")
    diary = tmp_path / "diary"
    diary.mkdir()
    together = run(logged(diary, 0.0), place, workers=2)
    assert without_time(alone) == without_time(together)
    assert len(alone.outcomes) == 8 + 12
    begun = len(list(diary.iterdir()))
    again = run(logged(diary, 0.0), place, workers=1)
    assert again.outcomes == together.outcomes
    assert len(list(diary.iterdir())) == begun  # but for its preflight, in this process, which had one before
    assert str(again) == str(together)


def test_an_experiment_that_is_complete_starts_no_worker(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(TOY, place)
    monkeypatch.setattr(multiprocessing, "get_context", None)
    assert run(TOY, place, workers=2).outcomes == whole.outcomes


def test_an_experiment_that_was_interrupted_goes_on_where_it_was(place: str) -> None:
    experiment = small()
    seen: list[int] = []

    def interrupt(board: Board) -> None:
        seen.append(len(board.outcomes()))
        if seen[-1] == 7:
            raise KeyboardInterrupt

    with opened(experiment, Running(1, 1, place, None, progress=False)) as (board, _), pytest.raises(KeyboardInterrupt):
        work(experiment, board, interrupt)
    assert work(experiment, Board(place, "toy", experiment.design)) == 20 - 7
    assert set(complete(place).values()) == {1}


class Killer(threading.Thread):
    """Kills a random worker of this process, so many times."""

    def __init__(self, kills: int, pause: tuple[float, float], seed: int) -> None:
        super().__init__(daemon=True)
        self.left, self.pause, self.random = kills, pause, random.Random(seed)
        self.killed = 0
        self.ended = threading.Event()

    def run(self) -> None:
        while self.left > self.killed and not self.ended.wait(self.random.uniform(*self.pause)):
            workers = [each for each in multiprocessing.active_children() if each.name == "initwise compare"]
            if workers:
                victim = self.random.choice(workers).pid
                assert victim is not None
                os.kill(victim, signal.SIGKILL)
                self.killed += 1


def killed_run(place: str, diary: Path, killer: Killer, workers: int, **options: Any) -> None:
    """Run the toy under a killer; check that every cell has one outcome and that only the dead were run again."""
    diary.mkdir()
    killer.start()
    try:
        comparison = run(logged(diary, options.pop("pause")), place, workers=workers, **options)
    finally:
        killer.ended.set()
        killer.join()
    done = complete(place)
    assert set(done) == set(comparison.outcomes)
    assert set(done.values()) == {1}
    assert len(done) == comparison.experiment.design.most
    failed = [each for each in trials(place) if each.state.name not in {"COMPLETE", "WAITING"}]
    died = [each for each in failed if each.user_attrs["reason"] == DIED]
    assert {each.user_attrs["reason"] for each in failed} <= {DIED, TWICE}
    assert len(died) <= killer.killed
    builds = sum(len(path.read_text().split()) for path in diary.iterdir() if path.name != str(os.getpid()))
    assert len(done) <= builds <= len(done) + len(died)


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_workers_killed_at_random_lose_nothing_and_repeat_nothing(tmp_path: Path, place: str) -> None:
    killer = Killer(3, (0.1, 0.3), seed=1)
    killed_run(place, tmp_path / "diary", killer, workers=2, pause=0.01)
    assert killer.killed > 0


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2))
def test_twenty_kills_in_a_hundred_cells_over_four_workers_lose_nothing(tmp_path: Path, place: str, seed: int) -> None:
    killer = Killer(20, (0.1, 0.5), seed)
    killed_run(
        place, tmp_path / "diary", killer, workers=4, pause=0.02, seeds=30, tuning_seeds=10, learning_rates=(0.01, 0.1)
    )
    assert killer.killed == 20


SCRIPT = """
import sys
from pathlib import Path
from initwise.comparison import compare
from tests.comparison.toys import logged

if __name__ == "__main__":
    task = logged(Path(sys.argv[1]), 0.02)
    compare(task, ["xavier", "kaiming"], seeds=6, racing=False, test="t", storage=sys.argv[2], workers=2)
"""


def alive(folder: Path, but: int) -> list[int]:
    found = [int(path.name) for path in folder.iterdir()]
    return [pid for pid in found if pid != but and claims.started(pid)]


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_workers_end_when_the_process_that_started_them_is_killed_and_the_same_call_goes_on(
    tmp_path: Path, place: str
) -> None:
    diary = tmp_path / "diary"
    diary.mkdir()
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    environment = os.environ | {"PYTHONPATH": PLACES}
    process = subprocess.Popen([sys.executable, script, diary, place], cwd=tmp_path, env=environment)
    deadline = time.monotonic() + 60
    while not alive(diary, but=process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert alive(diary, but=process.pid)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 20
    while alive(diary, but=process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(diary, but=process.pid)
    before = set(complete(place))
    assert len(before) < 20
    comparison = run(logged(diary, 0.0), place)
    assert len(comparison.outcomes) == 20
    assert set(complete(place).values()) == {1}


def test_an_error_of_the_users_code_is_named_and_what_is_done_is_kept(place: str) -> None:
    def breaks(model: Any, batch: Any) -> Any:
        if calls["count"] > 200:
            raise ValueError("out of data")
        calls["count"] += 1
        return TOY.loss(model, batch)

    calls = {"count": 0}
    with pytest.raises(CellError, match=r"at learning rate .*: raised ValueError: out of data \(.*_engine.py:\d+, in"):
        run(replace(TOY, loss=breaks), place)
    kept = len(complete(place))
    assert 0 < kept < 20
    calls["count"] = -(10**6)
    assert len(run(replace(TOY, loss=breaks), place).outcomes) == 20


def broken_build(seed: int) -> Any:
    """The toy's model, but for the seeds that only workers build."""
    if seed >= TUNING:
        raise OSError("no such disk")
    return TOY.build(seed)


def killing_build(seed: int) -> Any:
    """A model that takes its process with it."""
    if seed >= TUNING:
        os.kill(os.getpid(), signal.SIGKILL)
    return TOY.build(seed)


def test_an_error_in_a_worker_process_reaches_the_caller(place: str) -> None:
    with pytest.raises(CellError, match="raised OSError: no such disk"):
        run(replace(TOY, build=broken_build), place, workers=2)


def test_a_cell_that_kills_every_worker_is_named(place: str) -> None:
    with pytest.raises(ArgumentError, match=r"worker process|its worker died 5 times"):
        run(replace(TOY, build=killing_build), place, workers=1 + 1)


def test_a_task_that_cannot_be_sent_is_named(place: str) -> None:
    with pytest.raises(ArgumentError, match=r"cannot be sent to worker processes.*or give workers=1"):
        run(replace(TOY, loss=lambda model, batch: 1.0 * TOY.loss(model, batch)), place, workers=2)


# ------------------------------------------------------------------------------------------------------------ claims


def test_a_cell_enqueued_twice_runs_once(place: str) -> None:
    experiment = small()
    one, two = (Board(place, "toy", experiment.design) for _ in range(2))
    cells = experiment.design.tuning[:2]
    for cell in [*cells, *cells]:  # as two processes do that look at the same moment
        one.storage.create_new_trial(one.study, template_trial=one._waiting(cell))
    taken = [board.take(cells) for board in (one, two)]
    assert [each[1] for each in taken if each] == cells
    assert one.take(cells) is None
    assert Counter(each.user_attrs.get("reason") for each in trials(place)) == {TWICE: 2, None: 2}


def test_a_waiting_cell_of_a_strategy_that_lost_is_not_run(place: str) -> None:
    experiment = small()
    board = Board(place, "toy", experiment.design)
    board.enqueue(experiment.design.tuning)
    assert board.take(experiment.design.tuning[-1:]) is not None
    assert Counter(each.user_attrs.get("reason") for each in trials(place)) == {LOST: 7, None: 1}


def test_cells_are_taken_in_the_order_in_which_they_are_wanted(place: str) -> None:
    experiment = small()
    board = Board(place, "toy", experiment.design)
    cells = experiment.design.tuning[:4]
    board.enqueue(reversed(cells))
    taken = [board.take(cells) for _ in cells]
    assert [each[1] for each in taken if each] == cells


def test_a_cell_of_a_dead_process_is_free_again_and_its_late_outcome_is_dropped(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = small()
    board = Board(place, "toy", experiment.design)
    cells = experiment.design.tuning[:1]
    board.enqueue(cells)
    taken = board.take(cells)
    assert taken is not None
    assert board.reap() == 0  # we live
    outcome = experiment.run(cells[0])
    monkeypatch.setattr(claims, "started", lambda pid: "another process has this number now")
    assert board.reap() == 1
    assert not board.finish(taken, outcome)
    monkeypatch.undo()
    assert board.enqueue(cells) == 1
    again = board.take(cells)
    assert again is not None
    assert board.finish(again, outcome)
    assert complete(place) == {cells[0]: 1}


def test_an_outcome_that_was_written_before_its_worker_died_counts(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = small()
    board = Board(place, "toy", experiment.design)
    cells = experiment.design.tuning[:1]
    board.enqueue(cells)
    taken = board.take(cells)
    assert taken is not None
    board.storage.set_trial_user_attr(taken[0], "outcome", experiment.run(cells[0]).to_dict())
    monkeypatch.setattr(claims, "started", lambda pid: "")
    board.reap()
    assert complete(place) == {cells[0]: 1}
    assert board.enqueue(cells) == 0


def test_a_worker_elsewhere_is_dead_after_a_minute_without_a_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    watch = claims.Watch()
    held = {"claim": {"host": "elsewhere", "pid": 1, "started": "1"}}
    assert not watch.abandoned(0, held)
    now[0] += 50
    assert not watch.abandoned(0, held)
    assert not watch.abandoned(0, held | {"beat": 1.0})
    now[0] += 50
    assert not watch.abandoned(0, held | {"beat": 1.0})
    now[0] += 20
    assert watch.abandoned(0, held | {"beat": 1.0})


def test_a_cell_that_was_taken_without_a_name_is_free_after_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    watch = claims.Watch()
    assert not watch.abandoned(0, {})
    now[0] = 11.0
    assert watch.abandoned(0, {})


def test_a_process_lives_as_long_as_its_number_and_its_start_are_the_same() -> None:
    held = claims.claim()
    assert claims.lives(held["pid"], held["started"])
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        begun = claims.started(process.pid)
        assert claims.lives(process.pid, begun)
        process.kill()
    assert not claims.lives(process.pid, begun)


# ----------------------------------------------------------------------------------------------------------- storage


def test_a_line_that_a_killed_process_left_is_cut_off(place: str) -> None:
    experiment = small()
    board = Board(place, "toy", experiment.design)
    board.enqueue(experiment.design.tuning[:2])
    whole = Path(place).read_bytes()
    with Path(place).open("ab") as file:
        file.write(b'{"op_code":4,"trial')
    later = Board(place, "toy", experiment.design)
    assert later.enqueue(experiment.design.tuning[:3]) == 1
    assert Path(place).read_bytes().startswith(whole)
    assert len(trials(place)) == 3


@pytest.mark.parametrize(
    ("before", "after"), [(b"", b""), (b"a\n", b"a\n"), (b"a\nb", b"a\n"), (b"b", b""), (b"\n", b"\n")]
)
def test_mending_leaves_whole_lines(tmp_path: Path, before: bytes, after: bytes) -> None:
    (tmp_path / "file").write_bytes(before)
    mend(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == after


def test_a_storage_with_another_experiment_is_refused_with_what_differs(place: str) -> None:
    run(TOY, place)
    with pytest.raises(ArgumentError, match=r"study 'toy' holds another experiment \(steps: 20 there, 19 here\); give"):
        run(TOY, place, budget=19)
    with pytest.raises(ArgumentError, match=r"another experiment \(first losses: "):
        run(replace(TOY, loss=lambda model, batch: 1.1 * TOY.loss(model, batch)), place)
    with pytest.raises(ArgumentError, match=r"another experiment \(strategies: \{xavier: "):
        compare(TOY, ["xavier", "torch-default"], seeds=6, storage=place, progress=False, racing=False, test="t")
    inputs, target = data(0)[1][0]
    with pytest.raises(ArgumentError, match=r"another experiment \(first validation: "):
        run(replace(TOY, data=lambda seed: (data(seed)[0], [(inputs[:9], target[:9])])), place)
    with pytest.raises(ArgumentError, match=r"another experiment \(first validation: "):
        run(replace(TOY, metric=None), place)
    assert len(run(TOY, place, budget=19, study="other").outcomes) == 20


@pytest.mark.parametrize(
    ("storage", "message"),
    [
        ("missing/cells.journal", "its folder does not exist; create it"),
        ("notes.txt", "this file is no journal of Optuna"),
        (".", "cannot be opened: Is a directory"),
        ("sqlite:///cells.db", "SQLite does not bear several workers"),
        (
            "postgresql://me:secret@localhost:1/cells",
            r"storage postgresql://me@localhost:1/cells: cannot be reached: .*; check the address",
        ),
    ],
)
def test_a_storage_that_cannot_be_used_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("shopping\n")
    with pytest.raises(ArgumentError, match=message) as caught:
        run(TOY, storage)
    assert "secret" not in str(caught.value)
    assert (tmp_path / "notes.txt").read_text() == "shopping\n"


def test_a_study_that_somebody_else_made_is_refused(place: str) -> None:
    import optuna
    from optuna.storages.journal import JournalFileBackend, JournalStorage

    theirs = optuna.create_study(storage=JournalStorage(JournalFileBackend(place)), study_name="toy")
    theirs.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(ArgumentError, match="study 'toy' was not made by initwise; give another study= name"):
        run(TOY, place)


def test_without_a_storage_the_same_call_finds_its_own_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings: dict[str, Any] = {"seeds": 6, "racing": False, "progress": False, "learning_rates": 0.1, "test": "t"}
    one = compare(TOY, ["xavier", "kaiming"], **settings)
    two = compare(TOY, ["xavier", "kaiming"], **settings)
    assert one.outcomes == two.outcomes  # their times too: nothing was run again
    compare(TOY, ["xavier", "kaiming"], **settings, budget=19)
    assert len(list((tmp_path / ".initwise").glob("*.journal"))) == 2


def test_optuna_opens_the_same_storage_as_a_study(place: str) -> None:
    import optuna
    from optuna.storages.journal import JournalFileBackend, JournalStorage

    found = run(TOY, place)
    study = optuna.load_study(storage=JournalStorage(JournalFileBackend(place)), study_name="toy")
    assert len(study.trials) == 20
    best = study.best_trial
    cell = Cell(best.params["strategy"], best.params["learning_rate"], best.params["seed"])
    outcome = found.outcomes[cell]
    assert outcome.loss == best.value == min(each.loss for each in found.outcomes.values() if each.loss)
    assert best.user_attrs["serves"] == ("tuning" if cell.tunes else "deciding")
    shown = {name: best.user_attrs[name] for name in ("metric", "diverged", "seconds")}
    assert shown == {"metric": outcome.metric, "diverged": False, "seconds": outcome.seconds}
    assert set(best.intermediate_values.items()) < set(outcome.curve)
    assert len(best.intermediate_values) == 10
    assert max(best.intermediate_values) == TOY.steps
    assert study.user_attrs["about"].startswith(
        "initwise compare: xavier, kaiming, 20 steps a run; a trial is one run; seeds from 1,000,000 on choose"
    )


# -------------------------------------------------------------------------------------------------------- PostgreSQL


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with postgres.server() as url:
        yield url


def test_a_real_postgresql_finds_the_same_as_a_journal(place: str, database: str) -> None:
    assert without_time(run(TOY, database, study="alone")) == without_time(run(TOY, place))
    with pytest.raises(ArgumentError, match="holds another experiment"):
        run(TOY, database, study="alone", budget=19)


@pytest.mark.long
def test_workers_share_a_real_postgresql_and_killed_ones_lose_nothing(tmp_path: Path, database: str) -> None:
    killer = Killer(2, (0.2, 0.4), seed=3)
    killed_run(database, tmp_path / "diary", killer, workers=2, pause=0.01)
    assert len(run(TOY, database, study="second").outcomes) == 20


HELPER = """
import sys
from initwise.comparison import assist
from tests.comparison.test_engine import small

if __name__ == "__main__":
    print(assist(small(), storage=sys.argv[1], study="shared"))
"""


@pytest.mark.long
def test_a_helper_on_another_machine_shares_the_work(tmp_path: Path, database: str) -> None:
    script = tmp_path / "helper.py"
    script.write_text(textwrap.dedent(HELPER))
    environment = os.environ | {"PYTHONPATH": PLACES}
    helper = subprocess.Popen([sys.executable, script, database], stdout=subprocess.PIPE, env=environment)
    deadline = time.monotonic() + 60
    while not trials(database, "shared") and time.monotonic() < deadline:
        time.sleep(0.1)
    comparison = run(TOY, database, study="shared")
    said, _ = helper.communicate(timeout=60)
    done = [each for each in trials(database, "shared") if each.state.name == "COMPLETE"]
    assert len(done) == len(comparison.outcomes) == 20
    assert helper.returncode == 0
    assert 0 < int(said) <= 20
