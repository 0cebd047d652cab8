"""Norms that scale, biases that drown the signal, positions that drown the embeddings."""

from __future__ import annotations

import math
from collections.abc import Iterator

from initwise.model.graph._vocabulary import ADDITIONS, RECURRENT
from initwise.signals.verdicts._flow import Flow
from initwise.signals.verdicts._suspect import Suspect
from initwise.signals.verdicts._weights import Weight

_NORM = 3.0  # of a norm's weight, either way; of a norm that adds one to it, the largest weight
_BIAS = 0.5  # of the output's second moment that is bias
_SHIFT = 2.0  # of the std of a norm's bias
_LARGE = 1.0  # of a bias' variance
_ADDED, _MASKED = 0.25, 1e4  # of the second moment of positions; larger are masks
_OUTPUTS = 64
_POSITION = 30.0  # times the second moment of what it is added to
_EMBEDDED = 4e-6, 10.0  # of the second moment of embeddings, in models as they come
_USUAL = 0.02
_RATES = frozenset({"softplus", "exp", "sigmoid"})


def norms(flow: Flow) -> Iterator[Suspect]:
    """Yield the weights of norms that are far from one; zeros, which start a branch as nothing, are meant."""
    for row in flow.rows:
        for name in row.parameters:
            weight = flow.weights.get(name)
            if weight is None or weight.role != "norm_weight" or weight.zero:
                continue
            size = math.sqrt(weight.square)
            effective = math.sqrt((1 + weight.mean) ** 2 + weight.std**2) if weight.neutral == 0 else size
            if 1 / _NORM < effective < _NORM or (effective < 1 and not drawn(weight) and _ends_branch(flow, row.index)):
                continue
            wanted = 0.0 if weight.neutral == 0 else 1.0
            yield Suspect(
                row.index,
                weight,
                effective**2,
                size,
                wanted,
                f"{name} has {weight.law}: behind its norm the second moment is {effective**2:.3g} times the usual one",
                drawn(weight),
            )


def _ends_branch(flow: Flow, row: int) -> bool:
    """Tell whether a norm is the last of a branch, which its weight may keep small by design."""
    users = list(flow.ahead(row))
    return bool(users) and all(
        flow.rows[each].operation in ADDITIONS and len(flow.rows[each].inputs) > 1 for each in users
    )


def drawn(weight: Weight) -> str:
    """Return in words that a norm's weight was drawn around zero; "" where it was not."""
    return "it was drawn as a matrix is" if weight.std > 3 * abs(weight.mean) else ""


def biases(flow: Flow) -> Iterator[Suspect]:
    """Yield biases drawn so large that most of a layer's output is bias."""
    for row in flow.layers:
        moment = flow.level(row)
        last = not any(each != row and flow.depends(each, row) for each in flow.layers)
        few = last and flow.rows[row].shape[-1] < _OUTPUTS  # answers may be spread by design
        if few or flow.rows[row].operation in RECURRENT:  # gates may be held open or shut
            continue
        for name in flow.rows[row].parameters:
            weight = flow.weights.get(name)
            if weight is None or weight.role != "bias" or weight.std**2 < _LARGE:
                continue
            if flow.follower(row) in _RATES or weight.std**2 < _BIAS * moment:
                continue
            yield Suspect(
                row,
                weight,
                max(moment / max(moment - weight.std**2, 1e-2 * moment), 10.0),
                weight.std,
                0.0,
                f"{name} has {weight.law}: {weight.std**2 / moment:.0%} of the second moment behind it is bias, which"
                " does not depend on the input",
            )


def shifts(flow: Flow) -> Iterator[Suspect]:
    """Yield the biases of norms that are larger than the normalized signal."""
    for row in flow.rows:
        for name in row.parameters:
            weight = flow.weights.get(name)
            if weight is None or weight.role != "norm_bias" or weight.std < _SHIFT:
                continue
            yield Suspect(
                row.index,
                weight,
                1 + weight.std**2,
                weight.std,
                0.0,
                f"{name} has {weight.law}: behind the norm {weight.square / (1 + weight.square):.0%} of the second"
                " moment is bias, which does not depend on the input",
            )


def embeddings(flow: Flow) -> Iterator[Suspect]:
    """Yield embeddings whose size drowns all that is added to them, or is drowned by it, where no norm comes first."""
    for row, weight in flow.layers.items():
        if weight.role != "embedding" or flow.main[row] >= 0 or flow.scale_free(row) or weight.zero:
            continue
        if not weight.trained or _EMBEDDED[0] < weight.square < _EMBEDDED[1]:
            continue
        wanted = 1.0 if weight.square > 1 else _USUAL
        yield Suspect(
            row,
            weight,
            weight.square / wanted**2,
            weight.std,
            wanted,
            f"{weight.name} has {weight.law}: what is looked up has a second moment of {weight.square:.3g}, far from"
            " that of what other layers make",
        )


def positions(flow: Flow) -> Iterator[Suspect]:
    """Yield positions that are added to something far smaller than they are."""
    for row in flow.rows:
        main = flow.main[row.index]
        for name in row.parameters:
            weight = flow.weights.get(name)
            added = "add" in row.operation and len(row.inputs) == 1 and main >= 0
            if weight is None or weight.role not in {"position", "embedding"} or not added or not weight.trained:
                continue
            before = flow.level(main)
            if _ADDED < weight.square < _MASKED and weight.square > _POSITION * before:
                wanted = math.sqrt(before)
                yield Suspect(
                    row.index,
                    weight,
                    weight.square / before,
                    weight.std,
                    wanted,
                    f"{name} has {weight.law}: it is {weight.square / before:.3g} times as large as the signal that"
                    " it is added to",
                )
