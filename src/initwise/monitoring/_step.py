"""`Step`: what the body of `with monitor.step() as step` has in hand."""

from __future__ import annotations

from torch import Tensor


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
