"""Weights & Biases, where it is installed; offline runs too."""

from __future__ import annotations

from typing import Any

from initwise.errors import ArgumentError, NotSupportedError
from initwise.monitoring._alert import Alert
from initwise.monitoring._frame import Frame
from initwise.monitoring.sinks._sink import scalars

_LEVELS = {"error": "ERROR", "warning": "WARN", "info": "INFO"}


class WandB:
    """Logs curves under "initwise/..." against their own axis "initwise/step", and alerts as `run.alert`.

    The axis of its own leaves the run's step alone, so that the training loop may log as it likes.

    Args:
        run: what `wandb.init(...)` returned; None for the run that is active. It stays open.

    Raises:
        NotSupportedError: the package `wandb` is not installed.
        ArgumentError: no run is active.
    """

    def __init__(self, run: Any = None) -> None:
        self._run = _active() if run is None else run
        self._run.define_metric("initwise/step", hidden=True)
        self._run.define_metric("initwise/*", step_metric="initwise/step")

    def frame(self, frame: Frame) -> None:
        """Log the frame's numbers, all at once."""
        self._run.log({"initwise/step": frame.step, **{f"initwise/{k}": v for k, v in scalars(frame).items()}})

    def alert(self, alert: Alert) -> None:
        """Send the alert."""
        level = _LEVELS[alert.finding.severity]
        self._run.alert(title=f"{alert.code} {alert.finding.parameter}", text=str(alert), level=level)

    def close(self) -> None:
        """Leave the run open: it is the loop's."""


def _active() -> Any:
    try:
        import wandb
    except ImportError as error:
        raise NotSupportedError(
            "monitoring.WandB: the package wandb is not installed; pip install wandb, or pip install"
            " 'initwise[monitor]', or write to monitoring.JsonLines(path)"
        ) from error
    if wandb.run is None:
        raise ArgumentError(
            "monitoring.WandB: no run is active; call wandb.init(...) first (mode='offline' needs no account), or give"
            " the run"
        )
    return wandb.run
