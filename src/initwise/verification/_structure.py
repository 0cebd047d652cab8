"""Dependence: copies of rows, of parts and of whole parameters; correlated rows; singular values beyond the edge."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from initwise.findings import Finding, found
from initwise.initializers import Law
from initwise.statistics import (
    Block,
    Moments,
    Parts,
    bits,
    correlation,
    equal_parts,
    equal_rows,
    gram,
    sample,
    sampled_rows,
    spectrum,
    step_at,
)
from initwise.verification._tests import Sampled, Test
from initwise.verification._units import Unit

_CERTAIN = 1e-9  # copies are reported where chance makes them rarer than this
_UNSEEN = 5
_HEAVIEST = 4.0  # the kurtosis up to which normal theory serves for products and spectra
_CORRELATED = 5.0  # times the margin: two rows are that much correlated
_CAUTION = 10.0  # times the p-values of dependence: they are approximations, and of a sampled block
_GRAIN = 0.25  # steps of a dtype finer than this, in units of std, hardly change a matrix


def copies(unit: Unit, sampled: Sampled) -> Iterator[Finding]:
    """SYM303: rows, halves or shards of a weight are bit-identical though its law draws each value."""
    for block in unit.blocks:
        tensor = block.tensor
        shortest = _shortest(sampled.law, sampled.some, sampled.dtype, tensor.numel())
        parts = equal_parts(tensor, shortest) if tensor.dim() else None
        if parts is not None:
            yield found("SYM303", unit.where, *_told(parts, tensor.shape), "draws of its own for each part")
            return
        for axis in range(min(tensor.dim(), 2) if tensor.dim() > 1 else 0):
            rows = equal_rows(tensor, axis, shortest)
            if rows is not None:
                one, other = sorted((_index(unit, block, axis, rows.one), _index(unit, block, axis, rows.other)))
                share = f"{rows.repeated:,} of {tensor.shape[axis]:,} repeat another"
                said = f"indices {one} and {other} of axis {axis} are bit-identical; {share}"
                yield found("SYM303", unit.where, said, share, "each row drawn on its own")
                return


def clones(drawn: Sequence[tuple[Unit, Moments]]) -> Iterator[tuple[Unit, Finding]]:
    """SYM301: two planned parameters are bit-identical, which draws under different names never are."""
    alike: defaultdict[object, list[Unit]] = defaultdict(list)
    for unit, moments in drawn:
        alike[unit.part.target.shape, unit.dtype, moments.low, moments.high, moments.count].append(unit)
    for group in alike.values():
        for index, unit in enumerate(group):
            first = next((each for each in group[:index] if _same(each, unit)), None)
            if first is not None and _are_many(unit):
                count = sum(tensor.numel() for tensor in unit.tensors)
                said = f"it holds the same {count:,} numbers as {first.where}, bit for bit"
                yield unit, found("SYM301", unit.where, said, f"equal to {first.where}", "numbers of its own")


def dependence_tests(unit: Unit, sampled: Sampled, margin: float) -> Iterator[Test]:
    """STA202 and STA203 on a sampled block of rows and one of columns."""
    law = sampled.law
    fine = step_at(max(abs(law.mean), law.std), sampled.dtype) <= _GRAIN * law.std
    light = law.fourth is not None and law.fourth <= _HEAVIEST * law.std**4
    if not (fine and light and law.iid and unit.law is law) or not unit.blocks:
        return
    block = max(unit.blocks, key=lambda block: block.tensor.numel())
    if block.tensor.dim() < 2 or block.tensor.is_complex():
        return
    for axis in (0, 1):
        taken = sampled_rows(block.tensor, axis)
        if taken is not None:
            names = [_index(unit, block, axis, row) for row in taken[0]]
            yield from _of_rows(sampled, axis, names, taken[1], margin)


def _of_rows(sampled: Sampled, axis: int, names: list[int], rows: np.ndarray, margin: float) -> Iterator[Test]:
    law, width = sampled.law, rows.shape[1]
    products = gram(rows, law.mean, law.std)
    found = correlation(products, names, width)
    one, other = found.rows
    said = f"indices {one} and {other} of axis {axis} are correlated over {width:,} values"
    least = _CORRELATED * margin

    expected = f"at most {least:.3g}, or what chance gives the closest two of {len(names)}"
    p = min(1.0, _CAUTION * found.p)
    large = abs(found.value) > least
    yield Test("STA202", sampled.where, p, large, said, f"r = {found.value:.4g}", lambda _: expected)
    edge = spectrum(products, width)
    said = f"{len(names)} of the indices of axis {axis} are not independent: their largest singular value is too large"
    measured, at_most = f"{edge.largest * law.std:.4g}", f"about {edge.edge * law.std:.4g} at most"
    p, large = min(1.0, _CAUTION * edge.p), edge.largest > (1 + margin) * edge.edge
    yield Test("STA203", sampled.where, p, large, said, measured, lambda _: at_most)


def _are_many(unit: Unit) -> bool:
    """Tell whether the values are too many to be equal by chance."""
    law, some = unit.law, sample(unit.tensors)
    return law is not None and some.size >= _shortest(law, some, unit.dtype, some.size)


def _shortest(law: Law, some: NDArray[np.floating], dtype: torch.dtype, count: int) -> int:
    """Return how many values must be equal so that no pair of copies is an accident of rounding."""
    seen = (int(np.count_nonzero(some[1:] == some[:-1])) + _UNSEEN) / (some.size - 1 + _UNSEEN)
    chance = max(seen, step_at(abs(law.mean) + law.std, dtype) / law.std)
    if chance >= 0.99:
        return count + 1
    return max(4, math.ceil(math.log(_CERTAIN / count**2) / math.log(chance)))


def _told(parts: Parts, shape: Sequence[int]) -> tuple[str, str]:
    if parts.axis is None:
        return "its second half, in row-major order, is a copy of the first, bit for bit", "2 equal halves"
    size = shape[parts.axis] // parts.count
    return (
        f"its {parts.count} parts of {size:,} along axis {parts.axis} are bit-identical",
        f"{parts.count} equal parts",
    )


def _index(unit: Unit, block: Block, axis: int, row: int) -> int:
    """Return an index of the block as one of the whole parameter."""
    return block.start // block.steps[axis] % unit.row.shape[axis] + row


def _same(one: Unit, other: Unit) -> bool:
    pairs = list(zip(one.tensors, other.tensors, strict=False))
    return len(one.tensors) == len(other.tensors) and all(
        a.shape == b.shape and a.device == b.device and torch.equal(bits(a), bits(b)) for a, b in pairs
    )
