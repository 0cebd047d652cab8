"""What the page draws over steps: of layers, or of parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from initwise.monitoring import Frame, LayerRow, ParameterRow
from initwise.monitoring.sinks import label

Value = float | None


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something that is drawn over steps.

    Attributes:
        key: of its chart.
        title: of its chart.
        axis: what stands beside its axis.
        hint: what is good, in a sentence.
        codes: the alerts that are about it.
        share: it lies between 0 and 1; else the axis is logarithmic.
        layer, parameter: from a row to the value; one of them is there.
    """

    key: str
    title: str
    axis: str
    hint: str
    codes: tuple[str, ...]
    share: bool = False
    layer: Callable[[LayerRow], Value] | None = None
    parameter: Callable[[ParameterRow], Value] | None = None

    @property
    def kind(self) -> str:
        """Of what it is: "layer" or "parameter"."""
        return "layer" if self.layer is not None else "parameter"

    def values(self, frame: Frame) -> dict[str, float]:
        """Return the known values of a frame, by the name of the layer or the parameter."""
        found: dict[str, Value] = {}
        if self.layer is not None:
            found = {label(row): self.layer(row) for row in frame.layers}
        elif self.parameter is not None:
            found = {row.name: self.parameter(row) for row in frame.parameters}
        return {name: value for name, value in found.items() if value is not None}


def _signal(row: LayerRow) -> Value:
    """Return the second moment; NaN where an element of the output is not finite."""
    return row.second_moment if row.finite else math.nan


def _idle(row: LayerRow) -> Value:
    return row.dead if row.dead is not None else row.saturated


QUANTITIES = (
    Quantity(
        "signal",
        "Signal: mean square of the outputs of layers",
        "E[x²] of outputs",
        "Levels that hold still, without layers far above or below the others.",
        ("SIG506", "TRN904"),
        layer=_signal,
    ),
    Quantity(
        "gradient",
        "Gradients: mean square of what arrives at the outputs of layers",
        "E[g²] of gradients",
        "Levels that shrink together as the loss falls; a layer far below the others hardly learns.",
        ("GRD601", "GRD603", "TRN901"),
        layer=lambda row: row.grad_second_moment,
    ),
    Quantity(
        "update",
        "Updates: how far each step moves a weight, for its size",
        "|update| / |weight|",
        "About 0.001; above 0.1 weights are thrown about, below 0.00001 they stand still.",
        ("TRN902", "TRN903"),
        parameter=lambda row: row.update_ratio,
    ),
    Quantity(
        "idle",
        "Units that are dead, or outputs that are saturated",
        "dead or saturated",
        "Near 0; a unit that is dead for all samples, or stuck at a bound, does not learn.",
        ("SIG501", "SIG502"),
        share=True,
        layer=_idle,
    ),
    Quantity(
        "rank",
        "Effective rank: over how many directions the samples spread",
        "effective rank",
        "Well above 1; at 1 the output is the same for all samples.",
        ("TRN905",),
        layer=lambda row: row.effective_rank,
    ),
    Quantity(
        "distance",
        "Distance of each weight from where it was drawn",
        "|w − w₀| / |w₀|",
        "Climbs slowly and levels out; beyond 1 little is left of the initialization.",
        (),
        parameter=lambda row: row.distance,
    ),
)
