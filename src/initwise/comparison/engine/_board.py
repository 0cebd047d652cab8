"""`Board`: the cells of an experiment as the trials of one Optuna study, one trial a cell."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from initwise.comparison._cells import TUNING, Cell, Outcome
from initwise.comparison._design import Design
from initwise.comparison.engine._claims import Watch, claim
from initwise.comparison.engine._storage import open_storage

DIED, TWICE, LOST, RAISED = "its worker died", "a second trial of this cell", "no longer wanted", "raised an error"
SHOWN = 10  # points of a learning curve, at least, that other tools get to see; each is a write
MOST_DEATHS = 5  # of the workers of one cell, before it is taken for the cell's fault
Taken = tuple[int, Cell]  # the trial's id, and what it runs


class Board:
    """The cells of an experiment in a storage that any number of processes share.

    A cell is enqueued as a waiting trial, claimed by turning it into a running one (which only one process can), and
    finished with its outcome. Cells whose worker died are failed by whoever sees it and enqueued again. Where two
    processes enqueue a cell at the same moment, the trial with the lower number counts.
    """

    def __init__(self, place: str, study: str, design: Design) -> None:
        self.place = place
        self.name = study
        self.design = design
        self.storage = open_storage(place)
        self.study = self._study()
        self._watch = Watch()
        self._claim = claim()

    def _study(self) -> int:
        from optuna.exceptions import DuplicatedStudyError
        from optuna.study import StudyDirection

        try:
            return int(self.storage.create_new_study([StudyDirection.MINIMIZE], self.name))
        except DuplicatedStudyError:
            return int(self.storage.get_study_id_from_name(self.name))

    def close(self) -> None:
        """Close the connections to a database."""
        engine = getattr(self.storage, "engine", None)
        if engine is not None:
            self.storage.remove_session()
            engine.dispose()

    # ---------------------------------------------------------------------------------------------------- facts

    def facts(self) -> Mapping[str, Any]:
        """Return what the study says about its experiment; empty for a new one."""
        found: Mapping[str, Any] = self.storage.get_study_user_attrs(self.study).get("initwise", {})
        return found

    def note_facts(self, facts: Mapping[str, Any]) -> None:
        """Write down what the experiment is, for us and in a sentence for who looks at the study with other tools."""
        self.storage.set_study_user_attr(self.study, "about", self._about())
        self.storage.set_study_user_attr(self.study, "initwise", dict(facts))

    def _about(self) -> str:
        design = self.design
        tuning = f"seeds from {TUNING:,} on choose each strategy's learning rate, " if design.tuning else ""
        return (
            f"initwise compare: {', '.join(design.strategies)}, {design.steps} steps a run; a trial is one run;"
            f" {tuning}seeds 0 to {design.seeds - 1} decide; the value is the loss at the end (infinite where the run"
            " diverged), intermediate values are training losses; pruned runs were no longer wanted, failed ones lost"
            " their worker"
        )

    @property
    def has_trials(self) -> bool:
        """Whether anything was ever enqueued."""
        return bool(self._trials())

    # ---------------------------------------------------------------------------------------------------- reading

    def _trials(self, *states: str) -> list[Any]:
        from optuna.trial import TrialState

        wanted = tuple(TrialState[state] for state in states) or None
        return list(self.storage.get_all_trials(self.study, deepcopy=False, states=wanted))

    def outcomes(self) -> dict[Cell, Outcome]:
        """Return the outcome of every cell that is done."""
        done = [each for each in self._trials("COMPLETE") if "outcome" in each.user_attrs]
        found = [Outcome.from_dict(each.user_attrs["outcome"]) for each in sorted(done, key=_number, reverse=True)]
        return {each.cell: each for each in found}

    def running(self) -> list[Cell]:
        """Return the cells that some worker runs."""
        return [cell_of(each) for each in self._trials("RUNNING")]

    def deaths(self) -> Counter[Cell]:
        """Return how many workers died over each cell."""
        return Counter(cell_of(each) for each in self._trials("FAIL") if each.user_attrs.get("reason") == DIED)

    # ---------------------------------------------------------------------------------------------------- writing

    def enqueue(self, cells: Iterable[Cell]) -> int:
        """Enqueue the cells that no trial stands for; return how many there were."""
        known = {cell_of(each) for each in self._trials("WAITING", "RUNNING", "COMPLETE")}
        lacking = [cell for cell in cells if cell not in known]
        for cell in lacking:
            self.storage.create_new_trial(self.study, template_trial=self._waiting(cell))
        return len(lacking)

    def _waiting(self, cell: Cell) -> Any:
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
        from optuna.trial import TrialState, create_trial

        rates = self.design.rates
        return create_trial(
            state=TrialState.WAITING,
            params={"strategy": cell.strategy, "learning_rate": cell.rate, "seed": cell.seed},
            distributions={
                "strategy": CategoricalDistribution(self.design.strategies),
                "learning_rate": FloatDistribution(min(rates), max(rates), log=True),
                "seed": IntDistribution(0, 2**31 - 1),
            },
            user_attrs={"serves": "tuning" if cell.tunes else "deciding", "cell": asdict(cell)},
        )

    def take(self, wanted: Sequence[Cell]) -> Taken | None:
        """Claim the waiting cell that comes first among those wanted; None where there is none.

        Their order, not that of enqueueing, counts: it goes seed by seed, so that a race can stop losers early. A cell
        whose worker died comes after all others: whoever kills workers does not kill those of one cell again and again.
        """
        allowed = {cell: place for place, cell in enumerate(wanted)}
        deaths = self.deaths()

        def turn(trial: Any) -> tuple[int, int, int]:
            cell = cell_of(trial)
            return deaths.get(cell, 0) if cell in allowed else -1, allowed.get(cell, -1), trial.number

        for trial in sorted(self._trials("WAITING"), key=turn):
            identity = self._identity(trial)
            if not self._set(identity, "RUNNING"):
                continue
            self.storage.set_trial_user_attr(identity, "claim", self._claim)
            cell = cell_of(trial)
            if self._is_second(trial, cell):
                self._close(identity, "FAIL", TWICE)
            elif cell not in allowed:
                self._close(identity, "PRUNED", LOST)
            else:
                return identity, cell
        return None

    def _is_second(self, trial: Any, cell: Cell) -> bool:
        others = [each for each in self._trials("WAITING", "RUNNING", "COMPLETE") if cell_of(each) == cell]
        return any(each.number < trial.number or each.state.name == "COMPLETE" for each in others)

    def finish(self, taken: Taken, outcome: Outcome) -> bool:
        """Write the outcome down; False where the cell was taken from us meanwhile, and the outcome is dropped."""
        identity = taken[0]
        return self._while_open(
            lambda: self._show(identity, outcome),
            lambda: self.storage.set_trial_user_attr(identity, "outcome", outcome.to_dict()),
            lambda: self._complete(identity, outcome),
        )

    def _show(self, identity: int, outcome: Outcome) -> None:
        """Write what other tools draw and sort by: points of the learning curve, and single numbers."""
        points = [(step, loss) for step, loss in outcome.curve if loss is not None]
        for step, loss in points[:: -max(1, len(points) // SHOWN)][::-1]:
            self.storage.set_trial_intermediate_value(identity, step, loss)
        for name in ("metric", "diverged", "seconds"):
            self.storage.set_trial_user_attr(identity, name, getattr(outcome, name))

    def _complete(self, identity: int, outcome: Outcome) -> bool:
        return self._set(identity, "COMPLETE", [math.inf if outcome.loss is None else outcome.loss])

    def fail(self, taken: Taken, message: str) -> None:
        """Write down that the user's code raised an error."""
        self._while_open(lambda: self.storage.set_trial_user_attr(taken[0], "error", message))
        self._close(taken[0], "FAIL", RAISED)

    def beat(self, taken: Taken) -> None:
        """Give a sign of life."""
        self._while_open(lambda: self.storage.set_trial_user_attr(taken[0], "beat", time.time()))

    def reap(self) -> int:
        """Fail the trials whose worker died; return how many there were."""
        dead = [each for each in self._trials("RUNNING") if self._watch.abandoned(each.number, dict(each.user_attrs))]
        for each in dead:
            if "outcome" in each.user_attrs:  # it died in the moment between the outcome and the word that it is one
                self._complete(self._identity(each), Outcome.from_dict(each.user_attrs["outcome"]))
            else:
                self._close(self._identity(each), "FAIL", DIED)
        return len(dead)

    def fatal(self) -> str | None:
        """Return a sentence about a cell that kills its workers, if there is one."""
        for cell, count in self.deaths().items():
            if count >= MOST_DEATHS:
                return (
                    f"compare: {cell}: its worker died {count} times; run it alone with workers=1 to see why (memory,"
                    " most often), or give it a smaller batch"
                )
        return None

    # ---------------------------------------------------------------------------------------------------- Optuna

    def _identity(self, trial: Any) -> int:
        return int(self.storage.get_trial_id_from_study_id_trial_number(self.study, trial.number))

    def _set(self, identity: int, state: str, values: list[float] | None = None) -> bool:
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        try:
            return bool(self.storage.set_trial_state_values(identity, TrialState[state], values))
        except UpdateFinishedTrialError:
            return False

    def _close(self, identity: int, state: str, reason: str) -> None:
        self._while_open(
            lambda: self.storage.set_trial_user_attr(identity, "reason", reason), lambda: self._set(identity, state)
        )

    def _while_open(self, *calls: Callable[[], Any]) -> bool:
        """Make the calls in order; False where the trial was closed by another process."""
        from optuna.exceptions import UpdateFinishedTrialError

        try:
            return all(call() is not False for call in calls)
        except UpdateFinishedTrialError:
            return False


def cell_of(trial: Any) -> Cell:
    """Return the cell that a trial stands for."""
    return Cell(**trial.user_attrs["cell"])


def _number(trial: Any) -> int:
    return int(trial.number)
