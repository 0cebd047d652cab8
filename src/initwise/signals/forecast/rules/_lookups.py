"""Lookups: rows of a table by number."""

from __future__ import annotations

from initwise.model.graph import Operation
from initwise.signals.forecast._axes import Axes, hold, value_at
from initwise.signals.forecast._table import family


def looked_up(axes: Axes, operation: Operation) -> None:
    """`embedding(ids, W)`: W (rows, channels)."""
    ids, table = value_at(operation, 0, "input"), value_at(operation, 1, "weight")
    if ids is None or table is None:
        hold(axes, operation)
        return
    rows, channels = axes.of(table)
    axes.hold(rows, *axes.of(ids))
    axes.set(operation.outputs[0], (*axes.of(ids), channels))


family("embedding", looked_up)
family(
    "embedding_bag gather take take_along_dim index_select index scatter scatter_ scatter_add scatter_add_ index_add"
)
family("index_add_ index_copy index_put index_put_ masked_select scatter_reduce scatter_reduce_ masked_scatter one_hot")
