"""A callback for transformers' `Trainer`."""

from __future__ import annotations

from typing import Any

from initwise._arguments import show
from initwise.errors import ArgumentTypeError, NotSupportedError
from initwise.monitoring._checks import unwrapped
from initwise.monitoring._monitor import Monitor


def transformers_callback(monitor: Monitor) -> Any:
    """Return a callback for `transformers.Trainer(callbacks=[...])`: a step is a step of the optimizer.

    The optimizer is the trainer's, unless the monitor was given one. The trainer does not hand its callbacks the loss
    of a step: frames hold none, and losses that it logs are looked at for what is not finite. Evaluation is not looked
    at.

    Raises:
        ArgumentTypeError: `monitor` is no monitor.
        NotSupportedError: `transformers` is not installed.
    """
    if not isinstance(monitor, Monitor):
        raise ArgumentTypeError(f"transformers_callback: monitor is {show(monitor)}; give iw.Monitor(model, plan)")
    return _kind()(monitor)


def _kind() -> Any:
    """Return the class, made where transformers is there: it must derive from its own."""
    try:
        from transformers import TrainerCallback
    except ImportError as error:
        raise NotSupportedError(
            "transformers_callback: transformers is not installed; pip install transformers accelerate, or call"
            " monitor.before() and monitor.after(loss) in your own loop"
        ) from error

    class MonitorCallback(TrainerCallback):
        """Tells a monitor of the steps of a trainer."""

        def __init__(self, monitor: Monitor) -> None:
            self.monitor = monitor

        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.monitor.check(kwargs["model"])
            self.monitor.use(unwrapped(kwargs.get("optimizer")))

        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.monitor.abandon()  # the last step of an epoch may have been cut short
            self.monitor.before()

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.monitor.after()

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            loss = (logs or {}).get("loss")
            if isinstance(loss, int | float):
                self.monitor.loss(float(loss))

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.monitor.abandon()

    return MonitorCallback
