"""One pass over the values: their moments and, beside them in the cache, what the plan writes, compared bit for bit."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from initwise.initializers import Fill, Product, Stream
from initwise.random import Draw
from initwise.statistics import BLOCK, Block, Moments, block_moments, in_threads, merged
from initwise.verification._agreement import Agreement, compare
from initwise.verification._units import Unit
from initwise.writing import row_major, tolerance, write_draw

_TASK = 2**21  # elements that a thread takes at a time
_DEVICE_BLOCK = 2**24


@dataclass(frozen=True, slots=True)
class Scan:
    """What one pass showed: moments, about the law's mean, and the agreement where values were drawn again."""

    moments: Moments
    agreement: Agreement | None = None


def scan(units: Sequence[Unit], seed: int, *, exact: bool) -> list[Scan]:
    """Measure all units, and where `exact` asks for it compare with what the plan draws; on several threads."""
    tasks = [_Task(unit, index, block) for index, unit in enumerate(units) for block in _cut(unit, _TASK)]
    near = [task for task in tasks if task.block.tensor.device.type == "cpu"]
    far = [task for task in tasks if task.block.tensor.device.type != "cpu"]
    again = [_draw(unit) if exact else None for unit in units]

    def work(task: _Task) -> list[Scan]:
        return [_block(task.unit, block, again[task.index], seed) for block in task.blocks()]

    measured: list[list[Scan]] = [[] for _ in units]
    for task, found in zip([*near, *far], [*in_threads(work, near), *map(work, far)], strict=True):
        measured[task.index] += found
    return [_merged(unit, each, seed, exact=exact) for unit, each in zip(units, measured, strict=True)]


@dataclass(frozen=True, eq=False, slots=True)
class _Task:
    unit: Unit
    index: int
    block: Block

    def blocks(self) -> Iterator[Block]:
        """What fits the cache; on another device, the task as it is."""
        on_cpu = self.block.tensor.device.type == "cpu"
        return self.block.cut(BLOCK // (2 if self.block.tensor.is_complex() else 1) if on_cpu else _DEVICE_BLOCK)


def _cut(unit: Unit, most: int) -> list[Block]:
    return [piece for block in unit.blocks for piece in block.ordered().cut(most)]


def _draw(unit: Unit) -> Draw | Product | None:
    """Return what is drawn for each element, where it can be drawn block by block."""
    if not unit.regenerable or unit.through:
        return None
    draw = unit.part.draw
    return None if isinstance(draw, Fill) else draw


def _block(unit: Unit, block: Block, draw: Draw | Product | None, seed: int) -> Scan:
    tensor = block.tensor.detach().resolve_neg().resolve_conj()
    law = unit.law
    numbers = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    moments = block_moments(numbers, law.mean, law.std) if law is not None else block_moments(numbers, 0.0)
    if draw is None:
        return Scan(moments)
    expected = _scratch.like(tensor)
    write_draw(expected, draw, seed=seed, name=unit.row.canonical, start=block.start, strides=block.steps)
    return Scan(moments, compare(block, expected))


def _merged(unit: Unit, measured: Sequence[Scan], seed: int, *, exact: bool) -> Scan:
    moments = merged([each.moments for each in measured], unit.law.mean if unit.law is not None else 0.0)
    agreements = [each.agreement for each in measured if each.agreement is not None]
    if agreements:
        return Scan(moments, sum(agreements, Agreement()))
    return Scan(moments, _whole(unit, seed) if exact and unit.regenerable and unit.blocks else None)


def _whole(unit: Unit, seed: int) -> Agreement:
    """Compare with values that are computed at once: structured laws, and what was written through."""
    expected = values_of(unit, seed)
    found = Agreement()
    for block in unit.blocks:
        there = _same_place(unit, expected, block)
        exactly = Agreement() if unit.through else compare(block, there)
        if unit.through or not exactly.full:
            largest = unit.largest if unit.through else float(expected.abs().max())
            exactly = compare(block, there, tolerance(unit.dtype) * largest)
        found += exactly
    return found


def values_of(unit: Unit, seed: int) -> Tensor:
    """Return what the plan writes into the whole part, on the CPU."""
    target, initializer, row = unit.part.target, unit.part.initializer, unit.row
    draw = unit.part.draw
    if draw is None:
        return initializer.values(target, Stream(seed, row.canonical, unit.part.label)).to(target.dtype)
    values = torch.empty(target.shape, dtype=target.dtype, device="cpu")
    steps = row_major(row.shape)
    start = unit.part.start * steps[unit.part.axis] if steps else 0
    write_draw(values, draw, seed=seed, name=row.canonical, start=start, strides=steps)
    return values


def _same_place(unit: Unit, values: Tensor, block: Block) -> Tensor:
    """Return the values of the part that lie where the block does."""
    if not unit.row.shape:
        return values
    corner = [int(index) for index in np.unravel_index(block.start, unit.row.shape)]
    corner[unit.part.axis] -= unit.part.start
    return values[tuple(slice(at, at + size) for at, size in zip(corner, block.tensor.shape, strict=True))]


class _Scratch(threading.local):
    """A buffer for each thread and dtype."""

    def __init__(self) -> None:
        self.flat: dict[torch.dtype, Tensor] = {}

    def like(self, tensor: Tensor) -> Tensor:
        """Return a tensor of the same shape; its values are whatever was there."""
        if tensor.device.type != "cpu":
            return torch.empty_like(tensor)
        if tensor.dtype not in self.flat:
            self.flat[tensor.dtype] = torch.empty(BLOCK, dtype=tensor.dtype, device="cpu")
        return self.flat[tensor.dtype][: tensor.numel()].view(tensor.shape)


_scratch = _Scratch()
