"""`Monitor`: watches a model while it is trained, on few steps, and leaves nothing behind."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn

from initwise._arguments import Arguments
from initwise.errors import ArgumentError
from initwise.findings import Finding
from initwise.model import read
from initwise.monitoring import _alerts, _wrappers
from initwise.monitoring._alert import Alert
from initwise.monitoring._checks import as_optimizers, check_model, check_plan, check_trained, claim, held_by, release
from initwise.monitoring._flight import Flight
from initwise.monitoring._frame import Frame
from initwise.monitoring._history import History
from initwise.monitoring._losses import Losses
from initwise.monitoring._markdown import report
from initwise.monitoring._recorder import not_finite
from initwise.monitoring._schedule import Schedule, as_schedule
from initwise.monitoring._seen import Seen
from initwise.monitoring._session import Session
from initwise.monitoring._suggest import suggestion
from initwise.monitoring._suggestion import Suggestion
from initwise.monitoring._usual import remembered
from initwise.monitoring._weights import Weights
from initwise.monitoring.sinks import Sink, as_sinks
from initwise.planning import Plan

FlightMode = Literal["sampled", "always"]
_AFTERWARDS = 2  # steps that are looked at when a loss was not finite


class Step:
    """One step, as `with monitor.step() as step` gives it; setting `loss` tells the monitor of it.

    Attributes:
        number: from 0.
        sampled: whether it is looked at.
        loss: a tensor with one element or a number; None where it is not told.
    """

    def __init__(self, number: int, *, sampled: bool) -> None:
        self.number, self.sampled = number, sampled
        self.loss: Tensor | float | None = None


class Monitor:
    """Watches a model while it is trained.

    On the steps of a schedule, dense at first and then logarithmic, hooks are attached to modules and optimizers, and
    removed when the step is over. Each gives a `Frame`: of every layer the moments of output and gradient, dead and
    saturated shares, effective rank, and what is not finite; of every parameter the moments of its gradient, the ratio
    of update to weight, and the distance from initialization. Alerts carry the codes of the catalogue, and say how the
    parameter was initialized where the plan is known.

    A step is a step of the optimizer: with gradient accumulation all micro-batches belong to one, of which layers show
    the first. Gradients of parameters are those that the optimizer takes: reduced, unscaled and clipped.

    Args:
        model: the model that is trained; wrapped by DDP, FSDP or `torch.compile` is fine. `notes` says what cannot be
            seen inside.
        plan: what it was initialized with. Distances are then those from the plan's weights, drawn again, even where
            training was resumed; otherwise from the weights as they are now. No copy of the weights is kept, but of
            each at most 16,384 elements.
        schedule: which steps are looked at: None (the default of `monitoring.Logarithmic`), a number n for every n-th,
            or a function from the step's number to True or False.
        optimizer: the optimizer or several. Without it, all optimizers of torch that hold parameters of the model are
            seen, and nothing can be said of parameters that none holds.
        scaler: the `GradScaler` of mixed precision in float16, by whose scale gradients of layers are divided.
        sinks: what takes frames and alerts: `monitoring.JsonLines(path)`, `monitoring.Csv(path)`,
            `monitoring.TensorBoard(folder)`, `monitoring.WandB(run)`, or objects with the same methods. In distributed
            training the process of rank 0 writes.
        flight: "sampled" records what the schedule looks at; "always" also keeps, of every step, the smallest and the
            largest absolute value of each layer.
        history: how many frames are kept; beyond that every second of the older ones is let go.

    Raises:
        ArgumentTypeError: an argument is of a wrong type.
        ArgumentError: a plan for another model, an optimizer without the model's parameters, a model that another
            monitor watches.

    >>> import initwise as iw
    >>> model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
    >>> iw.initialize(model, "kaiming").ok
    True
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> monitor = iw.Monitor(model, iw.plan(model, "kaiming"), optimizer=optimizer)
    >>> for _ in range(3):
    ...     with monitor.step() as step:
    ...         optimizer.zero_grad()
    ...         step.loss = model(torch.randn(32, 8)).square().mean()
    ...         step.loss.backward()
    ...         _ = optimizer.step()
    >>> [(row.module, row.operation) for row in monitor.frames[0].layers]
    [('0', 'Linear'), ('1', 'ReLU'), ('2', 'Linear')]
    >>> 0 < monitor.frames[-1].parameters[0].update_ratio < 1
    True
    """

    def __init__(
        self,
        model: nn.Module,
        plan: Plan | None = None,
        *,
        schedule: Schedule | int | None = None,
        optimizer: Any = None,
        scaler: Any = None,
        sinks: Sink | Iterable[Sink] = (),
        flight: FlightMode = "sampled",
        history: int = 256,
    ) -> None:
        check_model(model)
        self._reading = read(model)
        check = Arguments("Monitor")
        self._schedule = as_schedule(schedule, check)
        self._optimizers = as_optimizers(optimizer, self._reading, check)
        self._sinks = as_sinks(sinks, check)
        self._always = check.choice("flight", flight, ("sampled", "always")) == "always"
        kept = check.integer("history", history, least=2)
        check.done()
        check_plan(plan, self._reading)
        claim(model, self)
        self._model, self._plan, self._scaler = model, plan, scaler
        self._weights = Weights(self._reading, plan)
        self._matrices = frozenset(name for name, each in self._weights.trained.items() if each.ndim > 1)
        self._history, self._losses = History(kept), Losses()
        self._alerts: list[Alert] = []
        self._told: set[tuple[str, str]] = set()
        self._session: Session | None = None
        self._inputs: Any = None
        self._count, self._urgent = 0, 0
        self._open, self._closed = False, False
        self._explained = False  # what was not finite first was seen
        self.flight: Flight | None = None

    # ------------------------------------------------------------------------------------------------ during training

    @contextmanager
    def step(self) -> Iterator[Step]:
        """Watch one step: everything from the first forward pass to the optimizer's step.

        Where the step raises, all hooks are removed and the step is not counted.
        """
        self.before()
        made = Step(self._count, sampled=self._session is not None)
        try:
            yield made
        except BaseException:
            self.abandon()
            raise
        self.after(made.loss)

    def before(self) -> None:
        """Begin a step.

        Raises:
            ArgumentError: the step before was not ended, or the monitor was closed.
        """
        if self._open:
            raise ArgumentError(
                f"Monitor.before: step {self._count} is still open; call monitor.after(loss) when the optimizer has"
                " stepped, or use `with monitor.step():`, which also ends a step that raises"
            )
        if self._closed:
            raise ArgumentError("Monitor.before: the monitor was closed; make a new one")
        self._open = True
        full = self._urgent > 0 or bool(self._schedule(self._count))
        self._urgent = max(0, self._urgent - 1)
        if full or self._always:
            self._session = Session(self._reading, self._weights, self._optimizers, light=not full)
            self._session.attach()

    def after(self, loss: Tensor | float | None = None) -> None:
        """End a step; `loss` is a tensor with one element, or a number.

        Raises:
            ArgumentError: no step is open; the loss has more than one element; or, in the first step, nothing of this
                model ran.
        """
        if not self._open:
            raise ArgumentError("Monitor.after: no step is open; call monitor.before() where the step begins")
        session, self._session, self._open = self._session, None, False
        try:
            self._losses.note(self._count, loss)
            if session is not None:
                session.detach()
                self._take(session)
        finally:
            if session is not None:
                session.detach()
        for step in self._losses.bad():
            self._lost(step)
        self._count += 1

    def loss(self, value: Tensor | float) -> None:
        """Tell of a loss outside of `after`, such as one that a trainer logs, to have it checked."""
        self._losses.note(max(self._count - 1, 0), value)
        for step in self._losses.bad():
            self._lost(step)

    def abandon(self) -> None:
        """Remove all hooks and forget the step that is open, if one is: it is not counted."""
        if self._session is not None:
            self._session.detach()
        self._session, self._open = None, False

    def close(self) -> None:
        """End the monitor: hooks are removed, sinks closed, and another monitor may watch the model."""
        self.abandon()
        self._closed = True
        for step in self._losses.bad(wait=True):
            self._lost(step)
        for sink in self._sinks:
            sink.close()
        self._sinks = ()
        release(self._model)

    # --------------------------------------------------------------------------------------------------- what was seen

    @property
    def steps(self) -> int:
        """How many steps were counted."""
        return self._count

    @property
    def frames(self) -> Sequence[Frame]:
        """The frames of sampled steps, the newest last."""
        return self._history.full

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """What is not as it should be, each told once, in the order in which it was seen."""
        return tuple(self._alerts)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of the alerts, without their steps."""
        return tuple(alert.finding for alert in self._alerts)

    @property
    def notes(self) -> tuple[str, ...]:
        """What cannot be seen, and how distances are measured."""
        return (*_wrappers.notes(self._model), *self._replayed())

    def suggest(self) -> Suggestion:
        """Name the change to try next, with the evidence: laws, gains, depth scaling, the learning rate.

        `suggest().rules` are rules that `iw.plan` takes before those of the plan; `suggest().plan` is the plan with
        them, where this one is known; `iw.diff(plan, monitor.suggest().plan)` shows the difference.
        """
        return suggestion(self._seen(), self._reading, self._inputs, self._alerts, self.flight)

    def report(self) -> str:
        """Return what was seen as Markdown: alerts, the suggestion, layers and parameters in the last frame."""
        name, suggested = type(self._model).__name__, self.suggest()
        return report(name, self._count, self.frames, self._alerts, suggested, self.flight, self.notes)

    def to_dict(self) -> dict[str, Any]:
        """Return what was seen as plain data."""
        return {
            "steps": self._count,
            "frames": [each.to_dict() for each in self.frames],
            "alerts": [each.to_dict() for each in self._alerts],
            "flight": self.flight.to_dict() if self.flight is not None else None,
            "notes": list(self.notes),
        }

    def check(self, trained: nn.Module) -> None:
        """Refuse a trainer that trains another model; callbacks call this.

        Raises:
            ArgumentError: the two share no parameter.
        """
        check_trained(self._model, trained)

    def use(self, optimizer: Any = None, scaler: Any = None) -> None:
        """Take the optimizers and the scaler that a trainer made, where none was given; callbacks call this.

        Raises:
            ArgumentError: the optimizers hold no parameter of the model.
        """
        check = Arguments("Monitor.use")
        if not self._optimizers:
            self._optimizers = as_optimizers(optimizer, self._reading, check)
        check.done()
        self._scaler = self._scaler if self._scaler is not None else scaler

    # ------------------------------------------------------------------------------------------------------- internals

    def _take(self, session: Session) -> None:
        """Read what a session measured."""
        if self._count == 0 and not session.saw_anything:
            raise ArgumentError(
                f"Monitor.after: in the first step nothing of this {type(self._model).__name__} ran with gradients, and"
                " no optimizer moved it; another model is trained, perhaps a copy of this one: make the monitor of that"
                " one, and put forward, backward and optimizer.step() between before() and after()"
            )
        frame = session.frame(self._count, self._losses.value(self._count), self._scaler)
        if self._inputs is None and session.inputs is not None:
            self._inputs = remembered(session.inputs)
        self._history.add(frame)
        found = list(_alerts.alerts(self._seen(), self._told)) if not frame.light else []
        bad = None if self._explained else not_finite(frame, self._history.all, self._reading)
        if bad is not None:
            self._explained = True
            self.flight = self.flight or bad[0]
            found.insert(0, bad[1])
        for sink in self._writers():
            if not frame.light:
                sink.frame(frame)
        for alert in found:
            self._tell(alert)

    def _lost(self, step: int) -> None:
        """The loss of a step was not finite: look at the next ones, if nobody saw why."""
        if self.flight is not None:
            return
        looked = any(each.step == step for each in self._history.all)
        self.flight, alert = Losses.lost(step, self._history.all, looked=looked)
        self._tell(alert)
        if not looked:
            self._urgent = _AFTERWARDS

    def _tell(self, alert: Alert) -> None:
        self._alerts.append(alert)
        for sink in self._writers():
            sink.alert(alert)

    def _writers(self) -> tuple[Sink, ...]:
        spread = torch.distributed.is_available() and torch.distributed.is_initialized()
        return () if spread and torch.distributed.get_rank() != 0 else self._sinks

    def _seen(self) -> Seen:
        held = None
        if self._optimizers:
            ids = {id(each) for one in self._optimizers for each in held_by(one)}
            trained = self._weights.trained.items()
            held = frozenset(name for name, each in trained if any(id(tensor) in ids for tensor in each.tensors))
        return Seen(self._history.full, self._plan, self._matrices, held)

    def _replayed(self) -> Iterator[str]:
        if self._plan is None:
            yield "distances are from the weights as the monitor found them; with plan= from those of the plan"
        elif self._weights.as_planned < self._weights.replayed:
            yield (
                f"{self._weights.as_planned} of {self._weights.replayed} parameters held the plan's values when the"
                " monitor was made: the others had been trained or written since"
            )

    def __repr__(self) -> str:
        last = self._history.full[-1].loss if self._history.full else None
        loss = f", loss {last:.4g}" if last is not None and math.isfinite(last) else ""
        counts = f"{self._count} steps, {len(self.frames)} seen{loss}, {len(self._alerts)} alerts"
        return f"<Monitor of {type(self._model).__name__}: {counts}>"
