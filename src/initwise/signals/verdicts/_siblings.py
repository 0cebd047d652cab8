"""Parameters that follow another law than those at the same place in other blocks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median

from initwise.signals.verdicts._flow import Flow
from initwise.signals.verdicts._laws import HouseLaw, cousins, house_laws, kin, matrices, place, siblings, tolerance
from initwise.signals.verdicts._mistakes import explained, is_telling, textbook
from initwise.signals.verdicts._own import contracted, measured_factor, own_factor
from initwise.signals.verdicts._suspect import Suspect
from initwise.signals.verdicts._vectors import drawn
from initwise.signals.verdicts._weights import Weight

_ODD = math.log(1.9)  # of a std, against the law of its siblings
_EXACT = math.log(1.25)  # the same, where a mistake with fans explains it
_MOST = 0.7  # of the siblings, or of all matrices
_FEW = 3  # weights are too few to hold a small deviation against another one
_FREE = 0.6  # what a deviation counts where a norm takes the scale away
_CHANGE = 8.0  # of the second moment, in a first layer
_VECTORS = frozenset({"norm_weight", "scale"})
_ALIKE = math.log(1.1)


def odd_ones(flow: Flow) -> Iterator[Suspect]:
    """Yield the matrices that stand alone, while their siblings share a law."""
    rows = {weight.name: row for row, weight in reversed(list(contracted(flow)))}
    members = [each for each in matrices(flow.weights.values()) if each.name in rows]
    laws = house_laws(members)
    strict = siblings(members)
    groupings = (cousins(members), strict, kin(members))
    for weight in members:
        if _is_end(flow, rows[weight.name]):
            yield from _odd_end(flow, rows[weight.name], weight, members, laws)
            yield from _unlike_all(flow, rows[weight.name], weight, members, laws)
            yield from _far_end(flow, rows[weight.name], weight, strict[place(weight.name)], laws)
            continue
        own = next((law for law in laws if weight.name in law.names), None)
        for groups in groupings:
            group = next(group for group in groups.values() if weight in group)
            law = _law_of(weight, group, laws, len(members), own)
            if law is not None:
                yield from _suspect(flow, rows[weight.name], weight, group, law)
                break
        else:
            yield from _unlike_all(flow, rows[weight.name], weight, members, laws)


def _is_end(flow: Flow, row: int) -> bool:
    """Tell whether a layer takes an input of the model or makes its output: such may have laws of their own."""
    return flow.main[row] < 0 or row in flow.heads


def _odd_end(
    flow: Flow, row: int, weight: Weight, members: Sequence[Weight], laws: Sequence[HouseLaw]
) -> Iterator[Suspect]:
    """Yield a first or last layer where all other layers share one law, and a mistake with fans gives what it has."""
    law = laws[0] if laws else None
    others = {each.name for each in members if each is not weight}
    if law is None or not law.scheme.endswith("_in") or len(others) <= _FEW or law.names != others:
        return
    wanted = law.std(weight)
    if wanted and is_telling(weight, wanted, bounds=False, meant=law.scheme):
        yield from _suspect(flow, row, weight, members, law)


def _unlike_all(
    flow: Flow, row: int, weight: Weight, members: Sequence[Weight], laws: Sequence[HouseLaw]
) -> Iterator[Suspect]:
    """Yield a layer where most others are as `auto` draws them, and a common mistake gives what this one has."""
    law = next((each for each in laws if each.scheme == "usual" and abs(math.log(each.constant)) < _ALIKE), None)
    others = {each.name for each in members if each is not weight}
    if law is None or weight.name in law.names or len(law.names) < max(_FEW, _MOST * len(others)):
        return
    wanted = law.std(weight)
    if not wanted or abs(math.log(weight.std / wanted)) < _EXACT:
        return
    telling = textbook(weight) or is_telling(weight, wanted, bounds=False)
    if telling or (not _is_end(flow, row) and explained(weight, wanted)):
        yield from _suspect(flow, row, weight, members, law, exact=True)


def _far_end(
    flow: Flow, row: int, weight: Weight, group: Sequence[Weight], laws: Sequence[HouseLaw]
) -> Iterator[Suspect]:
    """Yield a first layer that is far from the law of all its siblings, and changes the signal's size by itself."""
    own = own_factor(flow, row, weight)
    seen = measured_factor(flow, row) or own
    if row in flow.heads or flow.scale_free(row) or not own or not seen:
        return
    if not (min(own, seen) > _CHANGE or max(own, seen) < 1 / _CHANGE):  # a number behind it may make up for it
        return
    law = _law_of(weight, group, laws, len(group), None)
    if law is not None and len(law.names) > _FEW and weight.name not in law.names:
        yield from _suspect(flow, row, weight, group, law)


def _law_of(
    weight: Weight, group: Sequence[Weight], laws: Sequence[HouseLaw], count: int, own: HouseLaw | None
) -> HouseLaw | None:
    """Return the law that a weight's siblings share and it does not; None where there is none.

    Against a weight that follows another law of the model all of at least three siblings must speak.
    """
    others = [each for each in group if each is not weight]
    for law in laws:
        share = sum(each.name in law.names for each in others)
        if law is own or (own is not None and share < max(_FEW, len(others))):
            continue
        common = share > 1 or (share == 1 and len(law.names) >= _MOST * (count - 1))
        if common and share >= _MOST * len(others):
            return law
    return None


def _suspect(
    flow: Flow, row: int, weight: Weight, group: Sequence[Weight], law: HouseLaw, *, exact: bool = False
) -> Iterator[Suspect]:
    wanted = law.std(weight)
    if not wanted:
        return
    off = math.log(weight.std / wanted)
    agreed = all(each.name in law.names for each in group if each is not weight)
    exact = exact or (agreed and is_telling(weight, wanted, bounds=len(law.names) > _FEW, meant=law.scheme))
    if abs(off) < max(_EXACT if exact else _ODD, 2 * tolerance(weight)):
        return
    factor = math.exp(2 * off)
    others = len([each for each in group if each.name in law.names])
    whose = (
        "`auto`, that most other layers follow,"
        if law.scheme == "usual"
        else f"its {others} sibling{'s' * (others > 1)}"
    )
    yield Suspect(
        row,
        weight,
        factor,
        weight.std,
        wanted,
        f"{weight.name} has std {weight.std:.3g}, where the law of {whose} gives {wanted:.3g}:"
        f" it makes the second moment {factor:.3g} times as large as they do",
        explained(weight, wanted, writers=flow.writers(row), meant=law.scheme),
        _FREE if flow.scale_free(row) else 1.0,
    )


def odd_zeros(flow: Flow) -> Iterator[Suspect]:
    """Yield the one weight that is drawn where all its siblings are zeros, which start each branch as nothing."""
    rows = {weight.name: row for row, weight in reversed(list(contracted(flow)))}
    for group in cousins(flow.weights[name] for name in rows).values():
        drawn_ones = [each for each in group if not each.zero]
        if len(drawn_ones) != 1 or len(group) <= _FEW:
            continue
        weight = drawn_ones[0]
        yield Suspect(
            rows[weight.name],
            weight,
            math.exp(2.0),
            weight.std,
            0.0,
            f"{weight.name} has {weight.law}, where its {len(group) - 1} siblings are zeros, which start each branch as"
            " nothing",
        )


def odd_vectors(flow: Flow) -> Iterator[Suspect]:
    """Yield the scales, of norms and of branches, that differ from what all their siblings have."""
    rows = {name: row.index for row in reversed(flow.rows) for name in row.parameters}
    members = [each for each in flow.weights.values() if each.role in _VECTORS and not each.zero]
    for group in siblings(members).values():
        for weight in group:
            others = [math.log(each.square) / 2 for each in group if each is not weight]
            if len(others) < _FEW or max(others) - min(others) > _ALIKE:
                continue
            size, usual = math.sqrt(weight.square), math.exp(median(others))
            off = math.log(size / usual)
            if abs(off) > _ODD:
                yield Suspect(
                    rows[weight.name],
                    weight,
                    math.exp(2 * off),
                    size,
                    usual,
                    f"{weight.name} has {weight.law}, where its {len(others)} siblings have {usual:.3g}",
                    drawn(weight),
                    trust=_FREE if flow.scale_free(rows[weight.name]) else 1.0,
                )
