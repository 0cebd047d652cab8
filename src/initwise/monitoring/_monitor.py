"""`Monitor`: watches a model while it is trained, on few steps, and leaves nothing behind."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from torch import Tensor, nn

from initwise._arguments import Arguments
from initwise.errors import ArgumentError, NotSupportedError
from initwise.findings import Finding
from initwise.model import read
from initwise.monitoring._alert import Alert
from initwise.monitoring._checks import as_optimizers, check_model, check_plan, check_trained, claim, held_by, release
from initwise.monitoring._flight import Flight
from initwise.monitoring._frame import Frame
from initwise.monitoring._markdown import report
from initwise.monitoring._record import Record
from initwise.monitoring._schedule import Schedule, as_schedule
from initwise.monitoring._session import Session
from initwise.monitoring._step import Step
from initwise.monitoring._suggest import suggestion
from initwise.monitoring._suggestion import Suggestion
from initwise.monitoring._weights import Weights
from initwise.monitoring.sinks import Onlooker, Sink, as_sinks
from initwise.planning import Plan

FlightMode = Literal["sampled", "always"]


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

    >>> import torch, initwise as iw
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
        made = as_sinks(sinks, check)
        self._always = check.choice("flight", flight, ("sampled", "always")) == "always"
        kept = check.integer("history", history, least=2)
        check.done()
        check_plan(plan, self._reading)
        self._model, self._plan, self._scaler = model, plan, scaler
        self._weights = Weights(self._reading, plan)
        self._record = Record(self._reading, plan, self._weights, made, history=kept)
        self._session: Session | None = None
        self._count, self._open, self._closed = 0, False, False
        claim(model, self)
        for sink in made:
            if isinstance(sink, Onlooker):
                sink.watch(self)

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
        full = self._record.urgent > 0 or bool(self._schedule(self._count))
        self._record.urgent = max(0, self._record.urgent - 1)
        if full or self._always:
            self._session = Session(self._reading, self._weights, self._optimizers, self._scaler, light=not full)
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
            self._record.loss(self._count, loss)
            if session is not None:
                session.detach()
                self._record.take(session, self._count, self._held())
        finally:
            if session is not None:
                session.detach()
        self._record.look_at_losses()
        self._count += 1

    def loss(self, value: Tensor | float) -> None:
        """Tell of a loss outside of `after`, such as one that a trainer logs, to have it checked."""
        self._record.loss(max(self._count - 1, 0), value)
        self._record.look_at_losses()

    def abandon(self) -> None:
        """Remove all hooks and forget the step that is open, if one is: it is not counted."""
        if self._session is not None:
            self._session.detach()
        self._session, self._open = None, False

    def close(self) -> None:
        """End the monitor: hooks are removed, sinks closed, and another monitor may watch the model.

        What was seen stays. Closed twice, it is closed once.
        """
        self.abandon()
        self._closed = True
        self._record.close()
        release(self._model, self)

    # --------------------------------------------------------------------------------------------------- what was seen

    @property
    def model(self) -> nn.Module:
        """The model that is trained, as it was given."""
        return self._model

    @property
    def plan(self) -> Plan | None:
        """The plan that it was initialized with; None where none was given."""
        return self._plan

    @property
    def closed(self) -> bool:
        """Whether the monitor was closed."""
        return self._closed

    @property
    def steps(self) -> int:
        """How many steps were counted."""
        return self._count

    @property
    def frames(self) -> Sequence[Frame]:
        """The frames of sampled steps, the newest last."""
        return self._record.history.full

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """What is not as it should be, each told once, in the order in which it was seen."""
        return tuple(self._record.alerts)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of the alerts, without their steps."""
        return tuple(alert.finding for alert in self._record.alerts)

    @property
    def flight(self) -> Flight | None:
        """What led to the first value that was not finite; None while all are."""
        return self._record.flight

    @property
    def notes(self) -> tuple[str, ...]:
        """What cannot be seen, as far as it is known by now, and how distances are measured."""
        return tuple(self._record.unseen.notes())

    def suggest(self) -> Suggestion:
        """Name the change to try next, with the evidence: laws, gains, depth scaling, the learning rate.

        `suggest().rules` are rules that `iw.plan` takes before those of the plan; `suggest().plan` is the plan with
        them, where this one is known; `iw.diff(plan, monitor.suggest().plan)` shows the difference.
        """
        if not self.frames:
            return Suggestion(notes=("no step was sampled yet: train a few steps first",))
        return suggestion(self._record.seen(self._held()), self._record.usual(), self.alerts, self.flight)

    def report(self) -> str:
        """Return what was seen as Markdown: alerts, the suggestion, layers and parameters in the last frame."""
        name, suggested = type(self._model).__name__, self.suggest()
        return report(name, self._count, self.frames, self.alerts, suggested, self.flight, self.notes)

    def to_dict(self) -> dict[str, Any]:
        """Return what was seen as plain data."""
        return {
            "steps": self._count,
            "frames": [each.to_dict() for each in self.frames],
            "alerts": [each.to_dict() for each in self.alerts],
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
        given = self._optimizers or as_optimizers(optimizer, self._reading, check)
        check.done()
        self._optimizers = given
        self._scaler = self._scaler if self._scaler is not None else scaler

    def _held(self) -> frozenset[str] | None:
        """Return the parameters that the optimizers hold; None where no optimizer was given."""
        if not self._optimizers:
            return None
        ids = {id(each) for one in self._optimizers for each in held_by(one)}
        trained = self._weights.trained.items()
        return frozenset(name for name, each in trained if any(id(tensor) in ids for tensor in each.tensors))

    def __reduce__(self) -> Any:
        raise NotSupportedError(
            "Monitor: it belongs to one model in one process, and cannot be copied or pickled; keep it outside of what"
            " is copied (not as an attribute of the model), store monitor.to_dict(), and make a new monitor of the copy"
        )

    def __repr__(self) -> str:
        last = self.frames[-1].loss if self.frames else None
        loss = f", loss {last:.4g}" if last is not None and math.isfinite(last) else ""
        counts = f"{self._count} steps, {len(self.frames)} seen{loss}, {len(self.alerts)} alerts"
        return f"<Monitor of {type(self._model).__name__}: {counts}>"
