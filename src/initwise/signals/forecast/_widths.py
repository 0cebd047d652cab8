"""How many channels are sampled: as many as the cost of a pass allows, the same share for all wide axes."""

from __future__ import annotations

import math
from collections.abc import Iterable

from initwise.model.graph._vocabulary import CONVOLUTIONS, MATRIX_PRODUCTS
from initwise.signals.forecast._axes import Axes
from initwise.signals.forecast._state import Widths

LADDER = (1024, 768, 512, 384, 256, 192, 128, 96, 64, 48, 32)
BUDGET = 4e9  # multiplications of one forward pass


def widths(axes: Axes, budget: float = BUDGET) -> tuple[Widths, float]:
    """Return the widest sample whose forward pass costs at most `budget` multiplications, and its cost."""
    free = _free(axes)
    steps = (Widths(axes.atoms, sampled(axes, free, target)) for target in LADDER)
    priced = [(found, multiplications(axes, found)) for found in steps]
    return next((each for each in priced if each[1] <= budget), priced[-1])


def sampled(axes: Axes, free: Iterable[tuple[list[int], int]], target: int) -> dict[int, int]:
    """Return how many elements of each atom to keep, so that every axis keeps about `target`, or all that it has."""
    found: dict[int, int] = {}
    for leaves, others in free:
        wanted = max(1, math.ceil(target / others))
        for leaf in reversed(leaves):
            keep = min(axes.atoms.size(leaf), wanted)
            wanted = math.ceil(wanted / keep)
            found[leaf] = max(found.get(leaf, 1), keep)
    return {leaf: keep for leaf, keep in found.items() if keep < axes.atoms.size(leaf)}


def _free(axes: Axes) -> list[tuple[list[int], int]]:
    """Return for every axis that occurs its free atoms, and the product of those that are held.

    An axis that is part of a longer one (the heads of heads x channels) needs no width of its own.
    """
    found: dict[tuple[int, ...], list[int]] = {}
    for index in range(len(axes.graph.values)):
        for dim in axes.of(index) if axes.is_known(index) else ():
            leaves = axes.atoms.leaves(dim)
            free = [leaf for leaf in leaves if not axes.atoms.is_held(leaf)]
            if free:
                found[tuple(leaves)] = free
    with_leaf: dict[int, list[set[int]]] = {}
    for whole in found:
        for leaf in whole:
            with_leaf.setdefault(leaf, []).append(set(whole))
    return [
        (free, math.prod(axes.atoms.size(leaf) for leaf in whole if leaf not in free))
        for whole, free in found.items()
        if not any(set(whole) < other for other in with_leaf[whole[0]])
    ]


def multiplications(axes: Axes, widths: Widths) -> float:
    """Return about how many multiplications a forward pass takes at these widths."""
    total = 0.0
    for operation in axes.graph:
        made = math.prod(widths.shape(axes.of(operation.outputs[0]))) if operation.outputs else 0
        if operation.name in CONVOLUTIONS or operation.name in MATRIX_PRODUCTS:
            total += made * _summed(axes, widths, operation.inputs, operation.name)
        else:
            total += 4 * made
    return total


def _summed(axes: Axes, widths: Widths, inputs: tuple[int, ...], name: str) -> int:
    """Return over how many terms a product sums, from the shape of its second factor."""
    if len(inputs) < 2:
        return 1
    weight = widths.shape(axes.of(inputs[1] if not name.startswith("add") or len(inputs) < 3 else inputs[2]))
    if name in CONVOLUTIONS:
        return math.prod(weight[1:])
    if name == "linear":
        return weight[-1] if weight else 1
    return weight[-2] if len(weight) > 1 else math.prod(weight)
