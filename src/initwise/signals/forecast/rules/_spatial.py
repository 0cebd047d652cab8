"""Pooling, padding, resampling: they act on positions; samples and channels pass."""

from __future__ import annotations

from initwise.model.graph import Operation
from initwise.model.graph._vocabulary import POOLINGS
from initwise.signals.forecast._axes import Axes, hold, operands
from initwise.signals.forecast._table import RULES, family


def positions(axes: Axes, operation: Operation) -> None:
    """(N, C, *space) -> (N, C, *other space)."""
    given = operands(operation)[0]
    dims, shape = axes.of(given), axes.shape(given)
    space = _space(operation, len(shape))
    for output in operation.outputs:
        made = axes.shape(output)
        if len(made) != len(shape) or made[: len(made) - space] != shape[: len(shape) - space]:
            hold(axes, operation)
            return
        places = axes.fresh(made[len(made) - space :], held=True)
        axes.set(output, (*dims[: len(dims) - space], *places))
    axes.hold(*dims[len(dims) - space :])


def _space(operation: Operation, rank: int) -> int:
    """Return how many of the last axes are positions."""
    digits = [int(each) for each in operation.name if each.isdigit()]
    return digits[0] if digits else max(1, rank - 2)


def padded(axes: Axes, operation: Operation) -> None:
    """`pad`: the axes that become longer are held."""
    given = operands(operation)[0]
    dims, shape, made = axes.of(given), axes.shape(given), axes.shape(operation.outputs[0])
    widths = operation.argument(1, "pad", ())
    touched = set()
    if isinstance(widths, (tuple, list)) and all(isinstance(each, int) for each in widths):
        touched = {len(dims) - 1 - place // 2 for place, width in enumerate(widths) if width}
    else:
        touched = set(range(len(dims)))
    found = []
    for place, dim in enumerate(dims):
        if place in touched:
            axes.hold(dim)
        found.append(axes.atoms.new(made[place], held=True) if made[place] != shape[place] else dim)
    axes.set(operation.outputs[0], found)


def shuffled(axes: Axes, operation: Operation) -> None:
    """`pixel_shuffle`: (N, C r r, H, W) -> (N, C, H r, W r); the C are channels."""
    given = operands(operation)[0]
    dims, made = axes.of(given), axes.shape(operation.outputs[0])
    factor = operation.argument(1, "upscale_factor", 1)
    parts = axes.atoms.regroup([dims[-3]], [made[-3], factor * factor]) if isinstance(factor, int) else None
    if parts is None:
        hold(axes, operation)
        return
    axes.hold(parts[1], *dims[-2:])
    axes.set(operation.outputs[0], (*dims[:-3], parts[0], *axes.fresh(made[-2:], held=True)))


family(" ".join(each for each in POOLINGS if "pool" in each), positions)
family("interpolate upsample grid_sample adaptive_avg_pool1d adaptive_max_pool1d lp_pool1d boolean_dispatch", positions)
family("pad constant_pad_nd", padded)
family("pixel_shuffle", shuffled)
family("pixel_unshuffle channel_shuffle unfold fold max_unpool2d affine_grid native_channel_shuffle diagonal")
RULES.setdefault("boolean_dispatch", RULES["max_pool2d"])
