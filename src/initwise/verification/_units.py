"""What is verified: the parts of a parameter, each with its law and the values of it that are at hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from initwise.initializers import Custom, Keep, Law, MeanOfRows, NewRows
from initwise.model import Parameter
from initwise.planning import Part, Row
from initwise.statistics import Block, row_major
from initwise.verification._shards import local


@dataclass(frozen=True, eq=False)
class Unit:
    """One part of a parameter.

    Attributes:
        law: the law of its values; of complex ones that of a half; None where nothing is declared.
        blocks: its values, the padding row left out, and where they lie in the whole parameter.
        complete: all of the part is here, not a shard of it.
        located: it is known where in the parameter the values lie.
        through: they are what a parametrization computes, and equal what was written up to rounding only.
        largest: the largest magnitude in the whole parameter, where rounding is allowed for.
    """

    row: Row
    part: Part
    law: Law | None
    blocks: tuple[Block, ...] = field(repr=False)
    complete: bool = True
    located: bool = True
    through: bool = False
    largest: float = 0.0

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
        return self.located and not self.kept and not isinstance(self.part.initializer, Custom | MeanOfRows)

    @property
    def sampled(self) -> Law | None:
        """The law of independent draws that the values (or those that are not zero) are a sample of."""
        if self.law is None:
            return None
        law = self.law if self.law.iid else self.law.nonzero
        return law if law is not None and law.std > 0 else None


def units(row: Row, parameter: Parameter, values: Tensor) -> Iterator[Unit]:
    """Yield the parts of a parameter whose effective values are `values`."""
    tensor, corner = local(values)
    through = parameter.way is not None and parameter.way.inverse
    largest = float(tensor.abs().max()) if through and tensor.numel() else 0.0
    steps = row_major(row.shape)
    known = corner if corner is not None else (0,) * len(steps)
    start = sum(index * step for index, step in zip(known, steps, strict=True))
    whole = Block(tensor, start, steps)
    for part in row.parts:
        law = part.law.half() if part.law is not None and part.target.is_complex else part.law
        blocks = tuple(_blocks(whole, known, row, part)) if corner is not None or len(row.parts) == 1 else ()
        yield Unit(row, part, law, blocks, tuple(tensor.shape) == row.shape, corner is not None, through, largest)


def _blocks(whole: Block, corner: tuple[int, ...], row: Row, part: Part) -> Iterator[Block]:
    """Yield the part, without the padding row, whose zeros are not drawn."""
    if not row.shape:
        yield whole
        return
    first = corner[part.axis]
    low, high = max(part.start, first), min(part.stop, first + whole.tensor.shape[part.axis])
    if low >= high:
        return
    block = whole.narrow(part.axis, low - first, high - low)
    begin = low if part.axis == 0 else corner[0]
    inside = -1 if row.padding is None else row.padding % row.shape[0] - begin
    size = block.tensor.shape[0]
    if not 0 <= inside < size:
        yield block
        return
    for at, length in ((0, inside), (inside + 1, size - inside - 1)):
        if length:
            yield block.narrow(0, at, length)
