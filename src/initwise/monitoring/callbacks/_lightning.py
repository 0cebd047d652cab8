"""A callback for Lightning's `Trainer`."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from torch import Tensor

from initwise._arguments import show
from initwise.errors import ArgumentTypeError, NotSupportedError
from initwise.monitoring._monitor import Monitor


def lightning_callback(monitor: Monitor) -> Any:
    """Return a callback for `lightning.Trainer(callbacks=[...])`: a step is a step of the optimizer.

    Optimizers and the gradient scaler are those of the trainer, unless the monitor was given some. Validation is not
    looked at. The monitor may be of the LightningModule or of a part of it.

    Raises:
        ArgumentTypeError: `monitor` is no monitor.
        NotSupportedError: neither `lightning` nor `pytorch_lightning` is installed.
    """
    if not isinstance(monitor, Monitor):
        raise ArgumentTypeError(f"lightning_callback: monitor is {show(monitor)}; give iw.Monitor(model, plan)")
    return _kind()(monitor)


def _kind() -> Any:
    """Return the class, made where Lightning is there: it must derive from Lightning's own."""
    base = _base()

    class MonitorCallback(base):  # type: ignore[misc,valid-type]
        """Tells a monitor of the steps of a trainer."""

        def __init__(self, monitor: Monitor) -> None:
            self.monitor = monitor
            self._open = False

        def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
            self.monitor.check(pl_module)
            plugin = getattr(trainer, "precision_plugin", None)
            self.monitor.use(trainer.optimizers, getattr(plugin, "scaler", None))

        def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
            if not self._open:
                self.monitor.before()
                self._open, self._taken = True, trainer.global_step

        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            if self._open and (trainer.global_step > self._taken or _is_last(trainer, batch_idx)):
                self._open = False
                self.monitor.after(_loss(outputs))

        def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
            self._leave()

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            self._leave()

        def _leave(self) -> None:
            self._open = False
            self.monitor.abandon()

    return MonitorCallback


def _base() -> Any:
    """Return Lightning's base class: of the package that is in use, for one knows no callbacks of the other."""
    packages = ("lightning.pytorch", "pytorch_lightning")
    used = [each for each in packages if sys.modules.get(each) is not None]
    for package in (*used, *packages):
        try:
            return import_module(f"{package}.callbacks").Callback
        except ImportError:
            continue
    raise NotSupportedError(
        "lightning_callback: Lightning is not installed; pip install lightning, or call monitor.before() and"
        " monitor.after(loss) in your own loop"
    )


def _is_last(trainer: Any, batch_idx: int) -> bool:
    """Tell whether a step ends here that moved nothing: a gradient scaler skips one without counting it."""
    every = max(int(trainer.accumulate_grad_batches), 1)
    return (batch_idx + 1) % every == 0


def _loss(outputs: Any) -> Any:
    """Return the loss of a training step's outputs."""
    loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
    return loss if isinstance(loss, Tensor) and loss.numel() == 1 else None
