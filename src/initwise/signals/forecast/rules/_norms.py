"""Norms: their axes are told anew at the sampled size, and batch norms leave running statistics alone."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F  # noqa: N812 - the field's own name

from initwise.model.graph import Operation
from initwise.signals.forecast._axes import Axes, hold, value_at
from initwise.signals.forecast._state import Call
from initwise.signals.forecast._table import family


def trailing(axes: Axes, operation: Operation) -> None:
    """`layer_norm`, `rms_norm`: over the last axes, with a weight and a bias of these axes."""
    given = value_at(operation, 0, "input")
    if given is None:
        hold(axes, operation)
        return
    dims = axes.of(given)
    for place, name in ((2, "weight"), (3, "bias")):
        value = value_at(operation, place, name)
        if value is not None:
            own = axes.of(value)
            for one, other in zip(dims[len(dims) - len(own) :], own, strict=True):
                axes.same(one, other)
    axes.set(operation.outputs[0], dims)


def run_trailing(call: Call) -> Any:
    """Norm over as many last axes as the model does."""
    rank = len(call.argument(1, "normalized_shape"))
    return call.with_argument(1, "normalized_shape", tuple(call.shape[len(call.shape) - rank :])).run()


def channels(axes: Axes, operation: Operation) -> None:
    """`batch_norm`, `instance_norm`, `group_norm`: statistics of channels (axis 1) or groups of them."""
    given = value_at(operation, 0, "input")
    if given is None or len(axes.of(given)) < 2:
        hold(axes, operation)
        return
    dims = axes.of(given)
    for value in operation.inputs:
        if value != given and len(axes.of(value)) == 1:
            axes.same(dims[1], axes.of(value)[0])
    if operation.name == "group_norm":
        groups = int(operation.argument(1, "num_groups"))
        parts = axes.atoms.regroup([dims[1]], [groups, axes.atoms.length(dims[1]) // groups])
        if parts is None or groups == 1:
            axes.hold(*([dims[1]] if parts is None else []))
        else:
            axes.hold(parts[1])
    axes.set(operation.outputs[0], dims)


def run_batch(call: Call) -> Any:
    """Batch statistics as in training, running ones as they are; a batch of one value a channel has no variance."""
    given, training = call.input, bool(call.argument(5, "training", False))
    mean, variance = call.argument(1, "running_mean"), call.argument(2, "running_var")
    weight, bias, eps = call.argument(3, "weight"), call.argument(4, "bias"), call.argument(7, "eps", 1e-5)
    if call.operation.name == "instance_norm":
        return F.instance_norm(given, None, None, weight, bias, True, 0.0, eps)
    if training and (given.numel() > given.shape[1] or mean is None):
        return F.batch_norm(given, None, None, weight, bias, True, 0.0, eps)
    return F.batch_norm(given, mean, variance, weight, bias, False, 0.0, eps)


def run_group(call: Call) -> Any:
    """As many groups as are sampled, each of its true size."""
    groups = int(call.argument(1, "num_groups"))
    dim = call.dims(call.operation.outputs[0])[1]
    parts = call.widths.atoms.regroup([dim], [groups, call.widths.atoms.length(dim) // groups])
    sampled = groups if parts is None else call.widths.length(parts[0])
    return call.with_argument(1, "num_groups", sampled).run()


family("layer_norm rms_norm", trailing, run_trailing)
family("batch_norm instance_norm", channels, run_batch)
family("group_norm", channels, run_group)
family("normalize local_response_norm sync_batch_norm native_layer_norm")
