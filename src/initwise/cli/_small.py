"""Models that are small enough to be drawn and measured without being asked; others are built on the meta device."""

from __future__ import annotations

from typing import Annotated

import torch
import typer
from torch import nn

from initwise.cli._output import note
from initwise.cli._target import Model

SMALL = 50_000_000  # parameters

Measure = Annotated[
    bool | None,
    typer.Option(
        "--measure/--no-measure",
        help="Draw the weights and measure real passes beside the prediction (default: models of up to 50 M"
        " parameters are measured, larger ones only predicted).",
        show_default=False,
    ),
]


def build(model: Model, seed: int, measure: bool | None) -> tuple[nn.Module, bool]:
    """Build a model, and say whether it shall be measured: then in memory, else on the meta device.

    `measure` None measures up to `SMALL` parameters; that it does not is told on standard error.
    """
    built = model.build(meta=True)
    count = sum(each.numel() for each in built.parameters())
    if not (count <= SMALL if measure is None else measure):
        if measure is None:
            note(f"predicted only: {count:,} parameters take memory and time; --measure draws and measures them too")
        return built, False
    # What a plan keeps comes from the model's own code: the same seed makes it repeatable, as init does.
    torch.manual_seed(seed)
    return model.build(), True
