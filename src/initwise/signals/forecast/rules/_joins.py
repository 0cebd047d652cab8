"""`cat` and `stack`: the axis along which tensors are joined is held, the others are the same."""

from __future__ import annotations

from initwise.model.graph import Operation, references
from initwise.signals.forecast._axes import Axes, hold
from initwise.signals.forecast._table import family


def joined(axes: Axes, operation: Operation) -> None:
    """`cat`: along an axis that there is; `stack`: along a new one."""
    given = list(references(operation.args[0] if operation.args else operation.kwargs.get("tensors")))
    made = axes.shape(operation.outputs[0])
    axis = int(operation.argument(1, "dim", operation.kwargs.get("axis", 0))) % len(made)
    given = [each for each in given if len(axes.shape(each)) > 1 or axes.shape(each) != (0,)]
    ranks = {len(axes.of(each)) for each in given}
    stacked = operation.name == "stack"
    if not given or ranks != {len(made) - stacked}:
        hold(axes, operation)
        return
    dims = []
    for place in range(len(made)):
        if place == axis:
            dims.append(axes.atoms.new(made[axis], held=True))
            axes.hold(*(axes.of(each)[axis] for each in given if not stacked))
            continue
        old = place - (stacked and place > axis)
        for each in given[1:]:
            axes.same(axes.of(given[0])[old], axes.of(each)[old])
        dims.append(axes.of(given[0])[old])
    axes.set(operation.outputs[0], dims)


family("cat concat concatenate stack", joined)
family("hstack vstack dstack block_diag cartesian_prod broadcast_tensors meshgrid")
