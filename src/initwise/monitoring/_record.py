"""What a monitor saw: frames, losses, alerts, the flight; and who is told of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from initwise.errors import ArgumentError
from initwise.model import Reading
from initwise.monitoring import _alerts
from initwise.monitoring._alert import Alert
from initwise.monitoring._flight import Flight
from initwise.monitoring._history import History
from initwise.monitoring._losses import Losses
from initwise.monitoring._recorder import not_finite
from initwise.monitoring._seen import Seen
from initwise.monitoring._session import Session
from initwise.monitoring._unseen import Unseen, writes
from initwise.monitoring._usual import auto, remembered
from initwise.monitoring._weights import Weights
from initwise.monitoring.sinks import Sink
from initwise.planning import Plan

_AFTERWARDS = 2  # steps that are looked at when a loss was not finite


class Record:
    """Takes sessions and losses, and makes frames and alerts of them.

    Attributes:
        alerts: in the order in which they were told.
        flight: what led to the first value that was not finite; None while all are.
        inputs: what the model was called with, without its numbers.
        urgent: how many of the next steps are to be looked at, whatever the schedule says.
    """

    def __init__(
        self, reading: Reading, plan: Plan | None, weights: Weights, sinks: Sequence[Sink], *, history: int
    ) -> None:
        self._reading, self._plan, self._sinks = reading, plan, tuple(sinks)
        self._matrices = frozenset(name for name, each in weights.trained.items() if each.ndim > 1)
        self._losses, self._told = Losses(), set[tuple[str, str]]()
        self._explained = False  # what was not finite first was seen
        self.history = History(history)
        self.unseen = Unseen(reading, plan, weights)
        self.alerts: list[Alert] = []
        self.flight: Flight | None = None
        self.inputs: Any = None
        self.urgent = 0
        self._usual: tuple[Any, Plan | None] | None = None

    def usual(self) -> Plan | None:
        """Return the plan of `auto` for what the model was called with, made once; None where auto knows none."""
        if self._usual is None or self._usual[0] is not self.inputs:
            seed = self._plan.seed if self._plan is not None else 0
            self._usual = self.inputs, auto(self._reading, self.inputs, seed)
        return self._usual[1]

    def seen(self, held: frozenset[str] | None) -> Seen:
        """Return what alerts and suggestions are made from; `held` are the parameters that the optimizers hold."""
        return Seen(self.history.full, self._plan, self._matrices, held)

    def take(self, session: Session, step: int, held: frozenset[str] | None) -> None:
        """Read what a session measured.

        Raises:
            ArgumentError: in the first step, nothing of the model ran.
        """
        if step == 0 and not session.saw_anything:
            raise ArgumentError(
                f"Monitor.after: in the first step nothing of this {type(self._reading.model).__name__} ran with"
                " gradients, and no optimizer moved it; another model is trained, perhaps a copy of this one: make the"
                " monitor of that one, and put forward, backward and optimizer.step() between before() and after()"
            )
        frame = session.frame(step, self._losses.value(step))
        if self.inputs is None and session.inputs is not None:
            self.inputs = remembered(session.inputs)
        self.history.add(frame)
        self.unseen.note(session, frame)
        found = list(_alerts.alerts(self.seen(held), self._told)) if not frame.light else []
        bad = None if self._explained else not_finite(frame, self.history.all, self._reading)
        if bad is not None:
            self._explained = True
            self.flight = self.flight or bad[0]
            found.insert(0, bad[1])
        for sink in self._writers():
            if not frame.light:
                sink.frame(frame)
        for alert in found:
            self._tell(alert)

    def loss(self, step: int, value: Tensor | float | None) -> None:
        """Keep a loss.

        Raises:
            ArgumentError: it has more than one element.
        """
        self._losses.note(step, value)

    def look_at_losses(self, *, wait: bool = False) -> None:
        """Tell of losses that are not finite; `wait` for those that are still on a device."""
        for step in self._losses.bad(wait=wait):
            self._lost(step)

    def close(self) -> None:
        """Look at the last losses, and close the sinks."""
        self.look_at_losses(wait=True)
        for sink in self._sinks:
            sink.close()
        self._sinks = ()

    def _lost(self, step: int) -> None:
        """The loss of a step was not finite: look at the next ones, if nobody saw why."""
        if self.flight is not None:
            return
        looked = any(each.step == step for each in self.history.all)
        self.flight, alert = Losses.lost(step, self.history.all, looked=looked)
        self._tell(alert)
        if not looked:
            self.urgent = _AFTERWARDS

    def _tell(self, alert: Alert) -> None:
        self.alerts.append(alert)
        for sink in self._writers():
            sink.alert(alert)

    def _writers(self) -> tuple[Sink, ...]:
        return self._sinks if writes() else ()
