"""Writing a parameter part by part: the blocks of a packed weight, or the whole of any other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from initwise.initializers import Keep, MeanOfRows, Stream
from initwise.model import Parameter
from initwise.planning import Part, Row
from initwise.writing._write import Draw, row_major, write_draw, write_values, write_zero_row


def write_parts(tensor: Tensor, parts: Sequence[Part], *, seed: int, name: str, padding: int | None = None) -> None:
    """Write the parts of one parameter, then zero its padding row.

    Element-wise laws take the index in the whole tensor and the label `""`, so cutting a tensor into blocks changes
    the scale of a block and never its random words. Structured laws draw under the label of their block.
    """
    draws = [part.draw for part in parts]
    if len(parts) > 1 and draws[0] is not None and all(draw == draws[0] for draw in draws):
        write_draw(tensor, draws[0], seed=seed, name=name)
    else:
        for part, draw in zip(parts, draws, strict=True):
            _write_part(tensor, part, draw, seed=seed, name=name)
    if padding is not None and not all(isinstance(part.initializer, Keep) for part in parts):
        write_zero_row(tensor, padding)


def mean_rows(parameter: Parameter, row: Row, part: Part, seed: int) -> Tensor | None:
    """Return what `MeanOfRows` makes of the rows before `part`, a padding row left out; None for other initializers.

    Raises:
        ArgumentError: the old rows are not finite numbers.
    """
    if not isinstance(part.initializer, MeanOfRows):
        return None
    old = parameter.values()[: part.start]
    padding = None if row.padding is None else row.padding % row.shape[0]
    if padding is not None and padding < part.start:
        old = torch.cat([old[:padding], old[padding + 1 :]])
    stream = Stream(seed, row.canonical, part.label)
    return part.initializer.rows(old, part.target, stream).to(row.dtype)


def part_of(tensor: Tensor, part: Part) -> Tensor:
    """Return the view of `tensor` that `part` covers."""
    return tensor if tensor.dim() == 0 else tensor.narrow(part.axis, part.start, part.stop - part.start)


def _write_part(tensor: Tensor, part: Part, draw: Draw | None, *, seed: int, name: str) -> None:
    if isinstance(part.initializer, Keep):
        return
    view = part_of(tensor.detach(), part)
    if draw is None:
        write_values(view, part.initializer.values(part.target, Stream(seed, name, part.label)))
        return
    strides = row_major(tensor.shape)
    start = part.start * strides[part.axis] if strides else 0
    write_draw(view, draw, seed=seed, name=name, start=start, strides=strides)
