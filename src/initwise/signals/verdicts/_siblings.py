"""Weights that follow another law than those at the same place in other blocks."""

from __future__ import annotations

import math
from collections.abc import Iterator

from initwise.signals.verdicts._flow import Flow
from initwise.signals.verdicts._laws import HouseLaw, house_laws, matrices, siblings, tolerance
from initwise.signals.verdicts._mistakes import explained
from initwise.signals.verdicts._suspect import Suspect
from initwise.signals.verdicts._weights import Weight

_ODD = math.log(1.9)  # of a std, against the law of its siblings
_EXACT = math.log(1.25)  # the same, where a common mistake explains it
_MOST = 0.7  # of the siblings, or of all matrices
_FEW = 3  # weights are too few to hold a small deviation against another one
_FREE = 0.6  # what a deviation counts where a norm takes the scale away


def odd_ones(flow: Flow) -> Iterator[Suspect]:
    """Yield the weights that stand alone, while their siblings share a law."""
    rows = {weight.name: row for row, weight in reversed(flow.layers.items())}
    members = [
        each for each in matrices(flow.weights.values()) if each.name in rows and not _is_end(flow, rows[each.name])
    ]
    laws = house_laws(members)
    for group in siblings(members).values():
        for weight in group:
            law = _law_of(weight, group, laws, len(members))
            wanted = law.std(weight) if law is not None else None
            if law is not None and wanted:
                yield from _suspect(flow, rows[weight.name], weight, wanted, group, law)


def _is_end(flow: Flow, row: int) -> bool:
    """Tell whether a layer takes an input of the model or makes its output: such may have laws of their own."""
    return flow.main[row] < 0 or row in flow.heads


def _law_of(weight: Weight, group: list[Weight], laws: tuple[HouseLaw, ...], count: int) -> HouseLaw | None:
    """Return the law that a weight's siblings share and it does not; None where there is none."""
    if any(weight.name in law.names for law in laws):
        return None
    others = [each for each in group if each is not weight]
    for law in laws:
        share = sum(each.name in law.names for each in others)
        common = share >= 2 or (share >= 1 and len(law.names) >= _MOST * (count - 1))
        if common and share >= _MOST * len(others):
            return law
    return None


def _suspect(
    flow: Flow, row: int, weight: Weight, wanted: float, group: list[Weight], law: HouseLaw
) -> Iterator[Suspect]:
    off = math.log(weight.std / wanted)
    reason = explained(weight, wanted, writers=flow.writers(row))
    least = _EXACT if reason and len(law.names) > _FEW else _ODD
    if abs(off) < max(least, 2 * tolerance(weight)):
        return
    factor = math.exp(2 * off)
    others = len([each for each in group if each.name in law.names])
    yield Suspect(
        row,
        weight,
        factor,
        weight.std,
        wanted,
        f"{weight.name} has std {weight.std:.3g}, where the law of its {others} siblings gives {wanted:.3g}:"
        f" it makes the second moment {factor:.3g} times as large as they do",
        reason,
        _FREE if flow.scale_free(row) else 1.0,
    )
