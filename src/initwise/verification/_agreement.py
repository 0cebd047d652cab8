"""How far values agree with those that a plan writes, bit for bit or up to rounding, and what to make of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from initwise.statistics import Block, bits, step_at
from initwise.verification._units import Unit

_FEWEST = 16  # equal values that chance does not make
_MANY = 1000  # from so many values on a twentieth of agreement is no chance
_UNSEEN = 5  # coincidences that are allowed for though none was seen


@dataclass(frozen=True, slots=True)
class First:
    """The first value that differs: its index in the parameter's row-major order, and the two values."""

    index: int
    found: float | complex
    expected: float | complex


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of how many compared values how many are equal, and how many would be by chance.

    `coincident` of `pairs` values equal what the plan writes into the next place. `rounded`: equal up to rounding.
    """

    compared: int = 0
    equal: int = 0
    pairs: int = 0
    coincident: int = 0
    rounded: bool = False
    first: First | None = None

    @property
    def full(self) -> bool:
        """Everything agrees."""
        return self.equal == self.compared

    def __add__(self, other: Agreement) -> Agreement:
        firsts = [each.first for each in (self, other) if each.first is not None]
        return Agreement(
            self.compared + other.compared,
            self.equal + other.equal,
            self.pairs + other.pairs,
            self.coincident + other.coincident,
            self.rounded or other.rounded,
            min(firsts, key=lambda first: first.index, default=None),
        )


def compare(block: Block, expected: Tensor, allowed: float = 0.0) -> Agreement:
    """Compare a block with what the plan writes there; differences up to `allowed` are rounding."""
    one, other = bits(block.tensor), bits(expected)
    count = block.tensor.numel()
    if one.device.type != "cpu":
        if torch.equal(one, other.to(one.device)):
            return Agreement(count, count)
        one, other = one.cpu(), other.cpu()
    differs: NDArray[np.bool_] = np.asarray(one.numpy() != other.numpy())
    if block.tensor.is_complex():
        differs = np.asarray(differs.any(axis=-1))
    if not differs.any():
        return Agreement(count, count)
    if allowed > 0:
        return _close(block, expected, differs, allowed)
    a, b = one.reshape(-1).numpy(), other.reshape(-1).numpy()
    coincident = int(np.count_nonzero(a[1:] == b[:-1]))
    equal = count - int(np.count_nonzero(differs))
    return Agreement(count, equal, a.size - 1, coincident, first=_first(block, expected, differs))


def is_ours(unit: Unit, agreement: Agreement) -> bool:
    """Tell whether the plan wrote these values, though some of them differ.

    Draws of a continuous law agree by chance as often as rounding puts two of them on one number. Of a weight that
    the plan wrote, more than half (of many values: more than a twentieth) agrees beyond that.
    """
    if not agreement.compared:
        return True
    share, chance = agreement.equal / agreement.compared, _chance(unit, agreement)
    asked = 0.05 if agreement.compared >= _MANY else 0.5
    return share > chance + (1 - chance) * asked


def is_written_by_plan(unit: Unit, agreement: Agreement | None) -> bool:
    """Tell whether all values are the plan's own random numbers, and not by chance."""
    if agreement is None or not agreement.full or agreement.compared < _FEWEST:
        return False
    drawn = unit.law is not None and unit.law.std > 0 and unit.part.draw is not None
    return drawn and _chance(unit, agreement) < 0.5


def _chance(unit: Unit, agreement: Agreement) -> float:
    law = unit.law
    if law is not None and unit.part.draw is not None:
        return min(1.0, step_at(abs(law.mean) + law.std, unit.dtype) / law.std) if law.std else 1.0
    return min(1.0, (agreement.coincident + _UNSEEN) / (agreement.pairs + _UNSEEN))


def _close(block: Block, expected: Tensor, differs: NDArray[np.bool_], allowed: float) -> Agreement:
    wide = torch.promote_types(expected.dtype, torch.float32)
    found, asked = block.tensor.detach().cpu().to(wide), expected.cpu().to(wide)
    far = ~((found - asked).abs() <= allowed).numpy()
    count, off = far.size, int(np.count_nonzero(far))
    if not off:
        return Agreement(count, count, rounded=True)
    near = ((found.reshape(-1)[1:] - asked.reshape(-1)[:-1]).abs() <= allowed).numpy()
    coincident = int(np.count_nonzero(near))
    rounded = off < int(np.count_nonzero(differs))
    return Agreement(count, count - off, count - 1, coincident, rounded, _first(block, expected, far))


def _first(block: Block, expected: Tensor, differs: NDArray[np.bool_]) -> First:
    """Return the first place, in the order of the whole parameter, where two blocks differ."""
    order = sorted(range(differs.ndim), key=lambda axis: -block.steps[axis])
    turned = differs.transpose(order)
    places = np.unravel_index(int(turned.argmax()), turned.shape)
    place = tuple(int(places[order.index(axis)]) for axis in range(differs.ndim))
    index = block.start + sum(at * step for at, step in zip(place, block.steps, strict=True))
    return First(index, block.tensor[place].item(), expected[place].item())
