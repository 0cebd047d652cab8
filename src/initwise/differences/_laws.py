"""When two laws are one."""

from __future__ import annotations

import math

from initwise.initializers import Law


def same_law(one: Law | None, other: Law | None) -> bool:
    """Tell whether two laws are one, whoever wrote them: U(±1/sqrt(3)) is the Xavier law of fans 9 and 9."""
    if one is None or other is None:
        return False
    alike = (one.name, one.iid, one.invariants) == (other.name, other.iid, other.invariants)
    numbers = zip(_numbers(one), _numbers(other), strict=True)
    scale = max(one.std, other.std)
    close = all(math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12 * scale) for x, y in numbers)
    unknown = bool(one.name) or one.cdf == other.cdf  # a family's function follows from its numbers
    return alike and close and unknown and _same_part(one.nonzero, other.nonzero)


def _same_part(one: Law | None, other: Law | None) -> bool:
    return one is other or same_law(one, other)


def _numbers(law: Law) -> tuple[float, ...]:
    return law.mean, law.std, *law.support
