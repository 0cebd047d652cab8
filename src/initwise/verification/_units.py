"""What is verified: the parts of a parameter, each with its law and the values of it that are at hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from initwise.initializers import Custom, Keep, Law, MeanOfRows, NewRows
from initwise.model import Parameter
from initwise.planning import Part, Row
from initwise.shards import Held, Piece
from initwise.statistics import Block, row_major


@dataclass(frozen=True, eq=False)
class Unit:
    """One part of a parameter.

    Attributes:
        law: the law of its values; of complex ones that of a half; None where nothing is declared.
        blocks: its values, the padding row left out, and where they lie in the whole parameter.
        place: what of the parameter's values is here.
        through: they are what a parametrization computes, and equal what was written up to rounding only.
        largest: the largest magnitude in the whole parameter, where rounding is allowed for.
    """

    row: Row
    part: Part
    law: Law | None
    blocks: tuple[Block, ...] = field(repr=False)
    place: Held = field(repr=False)
    through: bool = False
    largest: float = 0.0

    @property
    def complete(self) -> bool:
        """All of the parameter is here, not a shard of it."""
        return self.place.complete

    @property
    def where(self) -> str:
        """The parameter's name, with the block's label."""
        return f"{self.row.name} [{self.part.label}]" if self.part.label else self.row.name

    @property
    def tensors(self) -> list[Tensor]:
        """The values."""
        return [block.tensor for block in self.blocks]

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the parameter."""
        return self.part.target.dtype

    @property
    def kept(self) -> bool:
        """Nothing was drawn here."""
        return isinstance(self.part.initializer, Keep)

    @property
    def old(self) -> bool:
        """These are the rows that new ones were added to."""
        return self.kept and isinstance(self.row.initializer, NewRows)

    @property
    def regenerable(self) -> bool:
        """What the plan drew here can be drawn again without calling a user's function."""
        return not self.kept and not isinstance(self.part.initializer, Custom | MeanOfRows)

    @property
    def sampled(self) -> Law | None:
        """The law of independent draws that the values (or those that are not zero) are a sample of."""
        if self.law is None:
            return None
        law = self.law if self.law.iid else self.law.nonzero
        return law if law is not None and law.std > 0 else None


def units(row: Row, parameter: Parameter, place: Held) -> Iterator[Unit]:
    """Yield the parts of a parameter, of whose effective values this is here."""
    through = parameter.way is not None and parameter.way.inverse
    largest = float(place.local.abs().max()) if through and place.local.numel() else 0.0
    steps = row_major(row.shape)
    for part in row.parts:
        law = part.law.half() if part.law is not None and part.target.is_complex else part.law
        cut = (piece.between(part.axis, part.start, part.stop) for piece in place.pieces)
        pieces = (piece for each in cut if each is not None for piece in _unpadded(each, row))
        blocks = tuple(Block(piece.view, piece.offset(steps), steps) for piece in pieces)
        yield Unit(row, part, law, blocks, place, through, largest)


def _unpadded(piece: Piece, row: Row) -> Iterator[Piece]:
    """Yield a piece without the padding row, whose zeros are not drawn."""
    if row.padding is None:
        yield piece
        return
    inside = row.padding % row.shape[0]
    for low, high in ((0, inside), (inside + 1, row.shape[0])):
        found = piece.between(0, low, high)
        if found is not None:
            yield found
