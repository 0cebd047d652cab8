"""`Training`: all that the page tells, as plain values, taken from a monitor at one moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from initwise.model import read
from initwise.monitoring import Alert, Flight, Frame, Monitor, Suggestion
from initwise.planning import Plan


@dataclass(frozen=True, eq=False)
class Training:
    """What a page about a training tells.

    Attributes:
        title: of the page.
        steps: how many were counted.
        running: the monitor was not closed yet.
        frames: what was seen, the newest last.
        alerts: in the order in which they were told.
        flight: what led to the first value that was not finite; None while all are.
        suggestion: what to try next.
        plan: what the model was initialized with; None where that is not known.
        matrices: the parameters with two axes or more, whose updates are held against their size.
        notes: what could not be seen.
    """

    title: str
    steps: int
    running: bool
    frames: tuple[Frame, ...]
    alerts: tuple[Alert, ...]
    flight: Flight | None
    suggestion: Suggestion
    plan: Plan | None
    matrices: frozenset[str]
    notes: tuple[str, ...]

    @property
    def last(self) -> int:
        """The number of the last step that was looked at."""
        return self.frames[-1].step if self.frames else 0

    @property
    def named(self) -> frozenset[str]:
        """The parameters that alerts name, and those that it is suggested to change."""
        return frozenset([*self._alerted(), *(each.parameter for each in self.suggestion.changes)]) - {""}

    def to_dict(self) -> dict[str, Any]:
        """What the page tells as plain data."""
        return {
            "title": self.title,
            "steps": self.steps,
            "running": self.running,
            "frames": self.frames,
            "alerts": self.alerts,
            "flight": self.flight,
            "suggestion": self.suggestion,
            "notes": self.notes,
        }

    def _alerted(self) -> Iterable[str]:
        return (each.parameter for alert in self.alerts for each in alert.finding.each())


def gather(monitor: Monitor, title: str | None = None) -> Training:
    """Return what a monitor saw until now."""
    return Training(
        title or f"Training of {type(monitor.model).__name__}",
        monitor.steps,
        not monitor.closed,
        tuple(monitor.frames),
        monitor.alerts,
        monitor.flight,
        monitor.suggest(),
        monitor.plan,
        frozenset(each.name for each in read(monitor.model).parameters if len(each.shape) > 1),
        monitor.notes,
    )
