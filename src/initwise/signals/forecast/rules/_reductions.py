"""Means, sums, extremes and softmax over axes."""

from __future__ import annotations

from typing import Any

from initwise.model.graph import Operation
from initwise.signals.forecast._axes import Axes, hold, operands
from initwise.signals.forecast._table import family


def _over(operation: Operation, rank: int) -> list[int] | None:
    """Return the axes that are reduced; None for all of them."""
    named = operation.argument(1, "dim", operation.kwargs.get("axis"))
    if named is None or (isinstance(named, (tuple, list)) and not named):
        return None
    if isinstance(named, int) and len(operation.args) > 2 and all(type(each) is int for each in operation.args[1:]):
        named = operation.args[1:]
    if isinstance(named, int):
        return [named % rank]
    if isinstance(named, (tuple, list)) and all(isinstance(each, int) for each in named):
        return [each % rank for each in named]
    return None


def reduced(axes: Axes, operation: Operation) -> None:
    """Sums, extremes, norms: what is reduced is held."""
    _reduce(axes, operation, free=False)


def averaged(axes: Axes, operation: Operation) -> None:
    """`mean` and `var` that keep their axis may be those of a norm written by hand: they are the same of a sample."""
    _reduce(axes, operation, free=True)


def _reduce(axes: Axes, operation: Operation, *, free: bool) -> None:
    given = operands(operation)[0]
    dims = axes.of(given)
    over = _over(operation, max(len(dims), 1))
    made = axes.shape(operation.outputs[0])
    keeps = over is not None and len(made) == len(dims) > 0
    if over is None or not (keeps or len(made) == len(dims) - len(over)) or len(operands(operation)) > 1:
        hold(axes, operation)
        return
    atoms = tuple(atom for each in over for atom in dims[each])
    if free and keeps and given in axes.signals:
        for output in operation.outputs:
            axes.averaged[output] = atoms
    elif not (free and given not in axes.signals):
        axes.hold(atoms)
    for output in operation.outputs:
        kept = [() if place in over else dim for place, dim in enumerate(dims)]
        axes.set(output, kept if keeps else [dim for place, dim in enumerate(dims) if place not in over])


def along(axes: Axes, operation: Operation) -> None:
    """`softmax`, `cumsum`, `sort`: the axis along which it runs is held."""
    given = operands(operation)[0]
    dims = axes.of(given)
    axis: Any = operation.argument(_PLACE.get(operation.name, 1), "dim", operation.kwargs.get("axis", -1))
    if not isinstance(axis, int) or len(operands(operation)) > 1:
        hold(axes, operation)
        return
    axes.hold(dims[axis])
    for output in operation.outputs:
        shape = axes.shape(output)
        same = len(shape) == len(dims)
        axes.set(
            output,
            [
                dim if not same or axes.atoms.length(dim) == shape[place] else axes.atoms.new(shape[place], held=True)
                for place, dim in enumerate(dims)
            ],
        )


_PLACE = {"topk": 2, "kthvalue": 2, "renorm": 2}

family("mean var std var_mean std_mean", averaged)
family(
    """sum amax amin max min norm linalg_vector_norm linalg_norm vector_norm nanmean nansum prod logsumexp median all
    any aminmax argmax argmin count_nonzero nanmedian quantile""",
    reduced,
)
family("softmax log_softmax _softmax _safe_softmax special_softmax softmin", along)
family("cumsum cumprod cummax cummin logcumsumexp sort argsort topk kthvalue diff", along)
family("gumbel_softmax sum_to_size trapezoid cdist pdist cosine_similarity pairwise_distance dist renorm")
