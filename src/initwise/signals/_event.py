"""`Event`: one operation of the measured pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from initwise.signals._row import Histogram


@dataclass(frozen=True, slots=True)
class Event:
    """One call of a torch function that takes the signal, and what was measured of it.

    Attributes:
        index: its place in `Probe.events`, in the order of execution.
        module: the canonical name of the innermost module that was running; "" for the root.
        operation: the function's name, such as "linear" or "relu".
        call: how often that module had been called before in this pass.
        line: the source line outside torch, as "path/file.py:123".
        parameters: the canonical names of the parameters that took part, directly or as what was made of them.
        inputs: the events that made the signals it takes, the main one first; -1 for the model's inputs.
        shape: of its output.
        mean, second_moment: of the elements of its output; NaN or infinite where one of them is.
        peak: the largest absolute value of the output.
        variation: half the mean squared difference between samples: what of the second moment depends on the input.
            None where there is one sample.
        input_second_moment, input_variation: the same of the first signal that it takes.
        grad_second_moment: of the gradient of its output; None where none arrived.
        designed: infinities in it are meant, as in masks.
        units, dead: of an activation of the ReLU family, how many units it has, and which share of them is positive
            for no sample at no position.
        saturated: of a bounded activation, the share of elements near its bounds.
        deviation: of a bounded activation, the standard deviation of what goes in, around each unit's own mean.
        sample_correlation, token_correlation, nan, infinite, histogram, effective_rank: as `SignalRow` has them; what
            `measure` looks at beyond this.
    """

    index: int
    module: str
    operation: str
    call: int
    line: str
    parameters: tuple[str, ...]
    inputs: tuple[int, ...]
    shape: tuple[int, ...]
    mean: float
    second_moment: float
    peak: float
    variation: float | None
    input_second_moment: float | None = None
    input_variation: float | None = None
    grad_second_moment: float | None = None
    designed: bool = False
    units: int = 0
    dead: float | None = None
    saturated: float | None = None
    deviation: float | None = None
    sample_correlation: float | None = None
    token_correlation: float | None = None
    nan: int | None = None
    infinite: int | None = None
    histogram: Histogram | None = None
    effective_rank: float | None = None

    @property
    def not_finite(self) -> Literal["", "nan", "inf"]:
        """What is wrong with its elements, if something is."""
        if self.second_moment != self.second_moment:
            return "nan"
        return "inf" if self.peak == float("inf") else ""
