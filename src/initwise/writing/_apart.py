"""Values of a plan in tensors of their own, apart from any model: for those who ask what a plan would write."""

from __future__ import annotations

import torch
from torch import Tensor

from initwise.model import Parameter, Solution
from initwise.planning import Row
from initwise.writing._apply import drawn_values
from initwise.writing._parts import part_of
from initwise.writing._prepare import prepare_rows
from initwise.writing._through import solved
from initwise.writing._write import write_draw


def drawn(parameter: Parameter, row: Row, seed: int) -> Tensor:
    """Return what `apply` would make of one parameter; the model is left alone.

    Of a parameter on meta, of which no block is kept, it is a tensor on the CPU.

    Raises:
        ApplyError: a user's function failed.
    """
    prepared = prepare_rows([row], {row.name: parameter}, seed)
    device = torch.device("cpu") if parameter.device.type == "meta" else None
    return drawn_values(parameter, row, seed, prepared, device)


def drawn_through(parameter: Parameter, row: Row, seed: int) -> Solution:
    """Return what `apply` would write behind a parametrized parameter; the model is left alone.

    Raises:
        InitwiseError: there are no such values.
    """
    return solved(parameter, row, drawn(parameter, row, seed), seed)


def draw_sample(tensor: Tensor, row: Row, seed: int, *, label: str) -> None:
    """Fill a tensor, of any sizes along the axes that no blocks are cut from, with the element-wise laws of a row."""
    draws = [part.draw for part in row.parts]
    alike = all(draw == draws[0] for draw in draws)
    for part, draw in zip(row.parts[: 1 if alike else None], draws, strict=False):
        if draw is not None:
            view = tensor if alike else part_of(tensor, part)
            write_draw(view, draw, seed=seed, name=row.canonical, label=f"{label}/{part.label}")
