"""Losses as they are told, read without waiting for a device at each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from initwise._arguments import show
from initwise.errors import ArgumentError
from initwise.findings import found
from initwise.monitoring._alert import Alert
from initwise.monitoring._flight import Flight
from initwise.monitoring._frame import Frame

_TOGETHER = 16  # losses on a device are read together


class Losses:
    """Keeps losses until they are read."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, Tensor]] = []
        self._bad: list[int] = []

    def note(self, step: int, loss: Any) -> None:
        """Keep the loss of a step.

        Raises:
            ArgumentError: it is no number and no tensor with one element.
        """
        if loss is None:
            return
        if isinstance(loss, Tensor) and loss.numel() == 1:
            self._waiting.append((step, loss.detach().reshape(()).float()))
        elif isinstance(loss, int | float) and not isinstance(loss, bool):
            self._waiting.append((step, torch.tensor(float(loss))))
        else:
            what = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else show(loss)
            raise ArgumentError(f"Monitor.after: loss is {what}; give a number, a tensor with one element, or None")

    def value(self, step: int) -> float | None:
        """Return the loss of a step that was looked at."""
        return next((float(loss) for number, loss in reversed(self._waiting) if number == step), None)

    def bad(self, *, wait: bool = False) -> list[int]:
        """Return the steps whose loss is not finite; those on a device are read when there are enough of them."""
        if not self._waiting or (
            self._waiting[-1][1].device.type != "cpu" and len(self._waiting) < _TOGETHER and not wait
        ):
            return []
        steps, losses = zip(*self._waiting, strict=True)
        self._waiting = []
        finite = torch.stack([each.to(losses[0].device) for each in losses]).isfinite().tolist()
        return [step for step, good in zip(steps, finite, strict=True) if not good]

    @staticmethod
    def lost(step: int, frames: Sequence[Frame], *, looked: bool) -> tuple[Flight, Alert]:
        """Return the record and the alert for a loss that is not finite, though no layer's output was seen to be."""
        where = "the loss is not finite"
        last = f"{len(frames)} frames before it are in monitor.flight" if frames else "no frame came before it"
        seen = "all outputs of layers were finite" if looked else f"the step was not sampled; {last}"
        alert = found("TRN901", "the loss", f"{where}, and {seen}", "NaN or infinite", "a finite number")
        return Flight(step, where, "", tuple(frames)), Alert(step, alert)
