"""Matrix products: with a weight they are layers; of two signals (attention) they sum over axes that are held."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from initwise.model.graph import Operation
from initwise.signals.forecast._atoms import Dim
from initwise.signals.forecast._axes import Axes, hold, operands, value_at
from initwise.signals.forecast._state import Call, scaled
from initwise.signals.forecast._table import family

Letters = tuple[str, str, str]
_ADDED = {
    "addmm": ("mat1", "mat2"),
    "addmm_": ("mat1", "mat2"),
    "addmv": ("mat", "vec"),
    "baddbmm": ("batch1", "batch2"),
}


def product(axes: Axes, operation: Operation) -> None:
    """Any product of two tensors: axes with one letter are the same; what two signals sum over is held."""
    found = _read(axes, operation)
    if found is None:
        hold(axes, operation)
        return
    left, right, letters = found
    of = _letters(axes, left, letters[0])
    for letter, dim in _letters(axes, right, letters[1]).items():
        if letter in of and axes.atoms.length(of[letter]) == axes.atoms.length(dim):
            axes.same(of[letter], dim)
        elif letter not in of or axes.atoms.length(of[letter]) == 1:
            of[letter] = dim
    signals = (left in axes.signals, right in axes.signals)
    for letter, dim in of.items():
        if not any(signals) or (letter not in letters[2] and all(signals)):
            axes.hold(dim)
    made = [of[letter] for letter in letters[2]]
    _note_bias(axes, operation, left, right, made)
    axes.set(operation.outputs[0], made)


def _note_bias(axes: Axes, operation: Operation, left: int, right: int, made: list[Dim]) -> None:
    for value in operands(operation):
        if value not in (left, right) and len(axes.of(value)) <= len(made):
            for place, dim in enumerate(reversed(axes.of(value)), 1):
                if axes.atoms.length(dim) == axes.atoms.length(made[-place]):
                    axes.same(dim, made[-place])


def _letters(axes: Axes, value: int, letters: str) -> dict[str, Dim]:
    return dict(zip(letters, axes.of(value), strict=True))


def _read(axes: Axes, operation: Operation) -> tuple[int, int, Letters] | None:
    """Return the two factors and their axes as letters; None where this is not a plain product of two."""
    if operation.name == "einsum":
        return einsum_letters(operation)
    return matrix_values(operation, lambda value: len(axes.shape(value)))


def matrix_values(operation: Operation, rank: Callable[[int], int]) -> tuple[int, int, Letters] | None:
    """Return the factors of a matrix product, and their axes as letters."""
    names = _ADDED.get(operation.name)
    first, (one, other) = (0, ("input", "other")) if names is None else (1, names)
    left, right = value_at(operation, first, one), value_at(operation, first + 1, other)
    right = value_at(operation, first + 1, "mat2") if right is None else right
    if operation.name == "__rmatmul__":
        left, right = right, left
    if left is None or right is None:
        return None
    return left, right, matrix_letters(rank(left), rank(right))


def matrix_letters(left: int, right: int) -> Letters:
    """Return the axes of a matrix product in letters: k is summed, batches are aligned at the right.

    >>> matrix_letters(3, 2)
    ('amk', 'kn', 'amn')
    """
    batch = "abcdefgh"[: max(left, right, 2) - 2]
    rows, columns = ("m" if left > 1 else ""), ("n" if right > 1 else "")
    ones = batch[len(batch) - max(left - 2, 0) :] + rows + "k"
    others = batch[len(batch) - max(right - 2, 0) :] + ("k" + columns)
    return ones, others, batch + rows + columns


def einsum_letters(operation: Operation) -> tuple[int, int, Letters] | None:
    """Return the factors of an einsum of two, and their axes as letters."""
    equation = operation.args[0]
    values = operands(operation)
    if not isinstance(equation, str) or len(values) != 2 or values[0] == values[1] or "..." in equation:
        return None
    taken, _, made = equation.replace(" ", "").partition("->")
    sides = taken.split(",")
    if not made or len(sides) != 2 or any(len(set(side)) < len(side) for side in (*sides, made)):
        return None
    return values[0], values[1], (sides[0], sides[1], made)


def run_product(call: Call) -> Any:
    """Run a product of a signal and a weight, and put its scale right as for any layer."""
    found = _factors(call)
    if found is None:
        return call.run()
    left, right, (mine, other, made), rest = found
    dims = dict(zip(other, call.dims(right), strict=True)) | dict(zip(mine, call.dims(left), strict=True))
    ratios = {letter: call.widths.ratio(dim) for letter, dim in dims.items()}
    inward = math.prod(ratio for letter, ratio in ratios.items() if letter not in made)
    if all(ratio == 1.0 for ratio in ratios.values()):
        return call.run()

    def factor(own: str) -> float:
        """What its gradient sums over, in the true model and here."""
        return math.sqrt(math.prod(ratios[each] for each in made if each not in own) / inward)

    first, second = (call.samples(each) for each in (left, right))
    product = torch.einsum(f"{mine},{other}->{made}", scaled(first, factor(mine)), scaled(second, factor(other)))
    product = product if inward == 1.0 else product * math.sqrt(inward)
    return product if rest is None else call.kwargs.get("alpha", 1) * product + call.kwargs.get("beta", 1) * rest


def _factors(call: Call) -> tuple[int, int, Letters, Tensor | None] | None:
    """Return the factors, their letters, and what is added to the product."""
    operation = call.operation
    if operation.name == "einsum":
        found = einsum_letters(operation)
    else:
        found = matrix_values(operation, lambda value: len(call.dims(value)))
    if found is None:
        return None
    return *found, call.args[0] if operation.name in _ADDED else None


family("matmul __matmul__ __rmatmul__ mm bmm mv linalg_matmul addmm baddbmm addmv einsum", product, run_product)
