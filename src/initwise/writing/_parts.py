"""Writing a parameter part by part: the blocks of a packed weight, or the whole of any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from initwise.errors import ArgumentError
from initwise.initializers import Keep, MeanOfRows, Stream
from initwise.model import Parameter
from initwise.planning import Part, Row
from initwise.random import Filler, fill
from initwise.shards import Held, Piece, is_sharded
from initwise.writing._write import Draw, row_major, write_draw, write_values, write_zeros


def write_parts(
    where: Held,
    parts: Sequence[Part],
    *,
    seed: int,
    name: str,
    values: Mapping[str, Tensor] | None = None,
    filler: Filler = fill,
) -> None:
    """Write the parts of one parameter into what is held of it.

    Element-wise laws take the index in the whole tensor and the label `""`, so cutting a tensor into blocks or shards
    changes the scale of a block and never its random words. Structured laws draw under the label of their block; they
    are computed for the blocks of which something is held. `values` holds parts that were computed before, by label;
    `filler` is what fills.
    """
    known = values or {}
    draws = [None if part.label in known else part.draw for part in parts]
    if len(parts) > 1 and draws[0] is not None and all(draw == draws[0] for draw in draws):
        for piece in where.pieces:
            _draw_piece(piece, draws[0], where, seed, name, filler)
        return
    for part, draw in zip(parts, draws, strict=True):
        pieces = [] if isinstance(part.initializer, Keep) else pieces_of(where, part)
        if draw is not None:
            for piece in pieces:
                _draw_piece(piece, draw, where, seed, name, filler)
        elif pieces:
            block = known.get(part.label)
            if block is None:
                block = part.initializer.values(part.target, Stream(seed, name, part.label))
            for piece in pieces:
                write_values(piece.view, piece.of(block, part.axis, part.start))


def write_zero_padding(where: Held, row: int) -> None:
    """Set a padding row to zero, where it is held."""
    index = row % where.whole[0]
    for piece in where.pieces:
        found = piece.between(0, index, index + 1)
        if found is not None:
            write_zeros(found.view)


def pieces_of(where: Held, part: Part) -> list[Piece]:
    """Return what is held of a part."""
    cut = (piece.between(part.axis, part.start, part.stop) for piece in where.pieces)
    return [piece for piece in cut if piece is not None]


def _draw_piece(piece: Piece, draw: Draw, where: Held, seed: int, name: str, filler: Filler) -> None:
    strides = row_major(where.whole)
    start = piece.offset(strides)
    write_draw(piece.view, draw, seed=seed, name=name, start=start, strides=strides, filler=filler)


def mean_rows(parameter: Parameter, row: Row, part: Part, seed: int, place: Held | None = None) -> Tensor | None:
    """Return what `MeanOfRows` makes of the rows before `part`, a padding row left out; None for other initializers.

    The old rows of a DTensor are gathered first: a collective, in which all ranks of its mesh have to take part.

    Raises:
        ArgumentError: the old rows are not finite numbers, or `place` says that not all of the parameter is here.
    """
    if not isinstance(part.initializer, MeanOfRows):
        return None
    values: Any = parameter.values()
    if is_sharded(values):
        if values.device_mesh.get_coordinate() is None:
            return None
        values = values.full_tensor()
    elif place is not None:
        if not place.complete:
            raise ArgumentError(
                f"{part.initializer!r} needs all old rows, and a part of the parameter is here; draw the new rows by "
                "another law, such as iw.Normal(std=0.02), or apply the plan before the parameter is cut"
            )
        values = place.pieces[0].view
    old = values[: part.start]
    padding = None if row.padding is None else row.padding % row.shape[0]
    if padding is not None and padding < part.start:
        old = torch.cat([old[:padding], old[padding + 1 :]])
    stream = Stream(seed, row.canonical, part.label)
    return part.initializer.rows(old, part.target, stream).to(row.dtype)


def part_of(tensor: Tensor, part: Part) -> Tensor:
    """Return the view of `tensor` that `part` covers."""
    return tensor if tensor.dim() == 0 else tensor.narrow(part.axis, part.start, part.stop - part.start)
