"""What holds or does not: finite values, exact support, invariants, padding rows, the plan's own bits."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from initwise.errors import InitwiseError
from initwise.findings import Finding, found
from initwise.initializers import Equal, Law
from initwise.model import Parameter
from initwise.planning import Row
from initwise.shards import Held, is_sharded
from initwise.statistics import Moments, step_at
from initwise.verification._agreement import Agreement
from initwise.verification._through import settled
from initwise.verification._units import Unit
from initwise.writing import mean_rows, tolerance

_FINITE = "apply the plan; look for memory that nobody wrote"


def facts(unit: Unit, moments: Moments) -> list[Finding]:
    """INI101, INI102, INI105: what no draw of the law, however unlucky, could be."""
    if not moments.count:
        return []
    if not moments.finite:
        said = "the values are not all finite"
        return [found("INI101", unit.where, said, "NaN or infinity", "finite values", _FINITE)]
    if unit.law is None:
        return []
    return [*_support(unit, unit.law, moments), *_invariants(unit, unit.law, moments)]


def differs(unit: Unit, agreement: Agreement) -> Finding:
    """INI109: some values are not those that the plan wrote."""
    off = agreement.compared - agreement.equal
    share = 100 * off / agreement.compared
    first = agreement.first
    place = value = expected = ""
    if first is not None:
        index = [int(each) for each in np.unravel_index(first.index, unit.row.shape)] if unit.row.shape else []
        place, value, expected = f", first at {index}", f"{first.found:.9g} there", f"{first.expected:.9g}"
    said = f"{off:,} of {agreement.compared:,} values ({share:.3g} %) differ from what the plan wrote{place}"
    return found("INI109", unit.where, said, value, expected)


def padding(row: Row, place: Held) -> Iterator[Finding]:
    """INI107: the padding row is not zero."""
    if row.padding is None or not row.is_written(row.padding):
        return
    index = row.padding % row.shape[0]
    there = [at.view for piece in place.pieces if (at := piece.between(0, index, index + 1)) is not None]
    largest = max((float(values.abs().max()) for values in there), default=0.0)
    if largest != 0:
        said = f"the padding row {row.padding} is not zero"
        yield found("INI107", row.name, said, f"largest |w| {largest:.6g}", "0", "apply the plan again")


def new_rows(unit: Unit, parameter: Parameter, seed: int) -> list[Finding] | None:
    """INI105: rows drawn from old ones are not what these give. None for other initializers, and where old rows are on
    other ranks, which are not asked.
    """
    if is_sharded(parameter.tensor) or not unit.complete:
        return None
    try:
        expected = mean_rows(parameter, unit.row, unit.part, seed, unit.place)
    except InitwiseError as error:
        return [found("INI105", unit.row.name, "the new rows follow the old ones", str(error), "finite old rows")]
    if expected is None:
        return None
    steps = unit.blocks[0].steps[0]
    for block in unit.blocks:
        begin = block.start // steps - unit.part.start
        drawn = expected[begin : begin + block.tensor.shape[0]]
        off = float((block.tensor.cpu() - drawn).abs().max())
        if not off <= tolerance(unit.dtype) * float(expected.abs().max()):
            said = "the new rows are not what the old ones give; one of them was changed"
            asked = f"{unit.part.initializer!r} of the old rows"
            return [found("INI105", unit.row.name, said, f"off by {off:.3g}", asked)]
    return []


def _support(unit: Unit, law: Law, moments: Moments) -> Iterator[Finding]:
    low, high = law.support
    slack = tolerance(unit.dtype) * unit.largest if unit.through else 0.0
    if law.iid and (moments.low < _rounded(low, unit, -1) - slack or moments.high > _rounded(high, unit, 1) + slack):
        measured, expected = f"{moments.low:.9g} to {moments.high:.9g}", f"{low:.9g} to {high:.9g}"
        said = f"values lie outside the support of {law.describe()}"
        yield found("INI102", unit.where, said, measured, expected)


def _rounded(bound: float, unit: Unit, side: int) -> float:
    """Return the bound, moved outwards by half a step of the dtype: other generators round to nearest there."""
    return bound + side * step_at(bound, unit.dtype) / 2 if math.isfinite(bound) else bound


def _invariants(unit: Unit, law: Law, moments: Moments) -> Iterator[Finding]:
    for invariant in law.invariants:
        for tensor in unit.tensors:
            one = isinstance(invariant, Equal) and moments.low == moments.high and not tensor.is_complex()
            values = tensor.flatten()[:1] if one else tensor  # all are equal, so one of them says it
            if not unit.complete and not isinstance(invariant, Equal):
                continue  # a shard need not have what the whole has
            broken = invariant.check(settled(values, law) if unit.through else values)
            if broken:
                yield found("INI105", unit.where, "the law fixes these values", broken, invariant.describe())
                break
