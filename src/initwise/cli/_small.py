"""Models that are small enough to be drawn and measured without being asked; others are built on the meta device."""

from __future__ import annotations

import contextlib
from typing import Annotated

import torch
import typer
from torch import nn

from initwise.cli._output import note
from initwise.cli._target import Model
from initwise.model import Example, TraceError, candidates, graph_of, read

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


def built_inputs(built: nn.Module) -> Example | None:
    """Return inputs that are built for a model, to be measured with: the first that its traced pass takes.

    Where none does, meta may be to blame: the likeliest ones; None where there is no idea of what the model takes.
    """
    reading, likeliest = read(built), None
    for example in candidates(built):
        likeliest = likeliest or example
        with contextlib.suppress(TraceError):
            graph_of(reading, example)
            return example
    return likeliest


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
