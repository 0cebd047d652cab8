"""One sampled step: the hooks on modules and optimizers together, and the frame that they make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torch.optim import Optimizer

from initwise.model import Reading
from initwise.monitoring._frame import Frame
from initwise.monitoring._steps import Steps
from initwise.monitoring._watch import Watch
from initwise.monitoring._weights import Weights
from initwise.signals._moments import Sheet


class Session:
    """Attached before a step and detached after it; `light` ones only see extremes of layers."""

    def __init__(
        self, reading: Reading, weights: Weights, optimizers: Sequence[Optimizer], scaler: Any, *, light: bool
    ) -> None:
        self._sheet = Sheet()
        self._scaler = scaler if scaler is not None and scaler.is_enabled() else None
        self._scale = self._scale_now()  # before the step: its end may change it
        self._watch = Watch(reading, self._sheet, light=light)
        self._steps = None if light else Steps(weights, optimizers, self._sheet)

    def attach(self) -> None:
        """Hook modules and optimizers."""
        self._watch.attach()
        if self._steps is not None:
            self._steps.attach()

    def detach(self) -> None:
        """Remove every hook."""
        self._watch.detach()
        if self._steps is not None:
            self._steps.detach()

    @property
    def saw_anything(self) -> bool:
        """Whether the model ran or an optimizer moved it."""
        return self._watch.saw or self._steps is None or self._steps.stepped or self._steps.has_gradients

    @property
    def inputs(self) -> Any:
        """What the model was called with, as it stood on the way in; None where it was not called itself."""
        return self._watch.inputs

    @property
    def unlinked(self) -> Iterable[str]:
        """Layers that ran without autograd in a pass that has it."""
        return self._watch.unlinked

    @property
    def closures(self) -> bool:
        """Whether an optimizer took a closure."""
        return self._steps is not None and self._steps.closures

    def frame(self, step: int, loss: float | None) -> Frame:
        """Read all numbers, once for each device, and return the frame."""
        if self._steps is None:
            return Frame(step, loss, self._watch.rows(self._sheet.read(), self._scale), (), light=True)
        self._steps.close()
        numbers = self._sheet.read()
        skipped = self._steps.skipped(numbers, shrunk=self._scale_now() < self._scale)
        # a scaler that skips a step has unscaled the gradients to look for the overflow
        parameters = self._steps.rows(numbers, 1.0 if skipped else self._scale)
        return Frame(step, loss, self._watch.rows(numbers, self._scale), parameters, self._steps.rate, skipped)

    def _scale_now(self) -> float:
        return 1.0 if self._scaler is None else float(self._scaler.get_scale())
