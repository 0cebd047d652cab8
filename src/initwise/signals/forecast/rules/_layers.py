"""Layers: the signal times a weight, summed over input channels. This is where sampling is put right.

With n true input channels of which m are sampled, a sum over them is too small: by m / n in variance. So the product is
multiplied by sqrt(n / m); and what goes back to the input is multiplied so that it is the sum over all true output
channels, and what goes to the weight so that it is the gradient of one true element. Exact in variance for weights
that are independent with mean 0, whatever the signals are; weights with another mean are sampled whole.
"""

from __future__ import annotations

import math
from typing import Any

from initwise.model.graph import Operation
from initwise.signals.forecast._atoms import Dim
from initwise.signals.forecast._axes import Axes, hold, value_at
from initwise.signals.forecast._state import Call, scaled
from initwise.signals.forecast._table import family


def contract(
    call: Call,
    signal: int,
    weight: int,
    summed: Dim,
    kept: Dim,
    bias: Any = None,
    names: tuple[str, str] = ("input", "weight"),
) -> Any:
    """Run a product of a signal (its place among the arguments) and a weight, and put its scale right.

    Args:
        summed: the channels that the product sums over.
        kept: the output channels, over which the gradient sums on its way back to the signal.
    """
    inward, outward = call.widths.ratio(summed), call.widths.ratio(kept)
    args, kwargs = list(call.args), dict(call.kwargs)
    for place, name, factor in (
        (signal, names[0], math.sqrt(outward / inward)),
        (weight, names[1], 1 / math.sqrt(inward)),
    ):
        if place < len(args):
            args[place] = scaled(args[place], factor)
        else:
            kwargs[name] = scaled(kwargs[name], factor)
    made = call.function(*args, **kwargs)
    return made if inward == 1.0 else made * math.sqrt(inward)


def dense(axes: Axes, operation: Operation) -> None:
    """`linear(x, W, b)`: y = x W^T + b, W (out, in)."""
    given, weight, bias = (value_at(operation, *each) for each in ((0, "input"), (1, "weight"), (2, "bias")))
    if given is None or weight is None or len(axes.of(weight)) != 2 or not axes.of(given):
        hold(axes, operation)
        return
    out, taken = axes.of(weight)
    axes.same(axes.of(given)[-1], taken)
    if weight in axes.signals or given not in axes.signals:
        axes.hold(taken)
    if bias is not None:
        axes.same(axes.of(bias)[0], out)
    axes.set(operation.outputs[0], (*axes.of(given)[:-1], out))


def run_dense(call: Call) -> Any:
    """A dense layer; its bias is added to the scaled product."""
    given, weight = value_at(call.operation, 0, "input"), value_at(call.operation, 1, "weight")
    if given is None or weight is None or len(call.dims(weight)) != 2:
        return call.run()
    out, taken = call.dims(weight)
    return _biased(call, 2, taken, out, channel=-1)


def _biased(call: Call, place: int, summed: Dim, kept: Dim, channel: int) -> Any:
    """Run without the bias, and add it after the product is scaled."""
    bias = call.argument(place, "bias")
    made = contract(call.with_argument(place, "bias", None), 0, 1, summed, kept)
    if bias is None:
        return made
    return made + bias.reshape(-1, *(1,) * (-channel - 1))


def convolved(axes: Axes, operation: Operation) -> None:
    """`convNd(x, W, b, ..., groups)`: x (N, C, *space), W (out, C / groups, *kernel)."""
    _convolution(axes, operation, transposed=False)


def convolved_back(axes: Axes, operation: Operation) -> None:
    """`conv_transposeNd(x, W, b, ..., groups)`: W (C, out / groups, *kernel)."""
    _convolution(axes, operation, transposed=True)


def _convolution(axes: Axes, operation: Operation, *, transposed: bool) -> None:
    given, weight, bias = (value_at(operation, *each) for each in ((0, "input"), (1, "weight"), (2, "bias")))
    if given is None or weight is None:
        hold(axes, operation)
        return
    first, second = axes.of(weight)[:2]
    space = len(axes.shape(weight)) - 2
    channel = len(axes.shape(given)) - space - 1
    axes.hold(*axes.of(weight)[2:], *axes.of(given)[channel + 1 :])
    found = _channels(axes, operation, axes.of(given)[channel], first, second, transposed=transposed)
    if found is None:
        hold(axes, operation)
        return
    if weight in axes.signals:
        axes.hold(first, second)
    if bias is not None:
        axes.same(axes.of(bias)[0], found)
    places = axes.fresh(axes.shape(operation.outputs[0])[channel + 1 :], held=True)
    axes.set(operation.outputs[0], (*axes.of(given)[:channel], found, *places))


def _channels(axes: Axes, operation: Operation, given: Dim, first: Dim, second: Dim, *, transposed: bool) -> Dim | None:
    """Note which channels of signal and weight are the same, and return those of the output; None if they mismatch."""
    groups = int(operation.argument(6, "groups", 1))
    if groups == 1:
        axes.same(given, first if transposed else second)
        return second if transposed else first
    taken = axes.atoms.regroup([given], [groups, axes.atoms.length(given) // groups])
    own = axes.atoms.regroup([first], [groups, axes.atoms.length(first) // groups])
    if taken is None or own is None:
        return None
    axes.same(taken[0], own[0])
    axes.same(taken[1], own[1] if transposed else second)
    return (*own[0], *second) if transposed else first


def run_convolution(call: Call) -> Any:
    """A convolution with as many groups as are sampled."""
    transposed = "transpose" in call.operation.name
    weight = value_at(call.operation, 1, "weight")
    if weight is None:
        return call.run()
    first, second = call.dims(weight)[:2]
    groups = sampled = int(call.operation.argument(6, "groups", 1))
    of_group = first
    if groups > 1:
        atoms = call.widths.atoms
        parts = atoms.regroup([first], [groups, atoms.length(first) // groups]) or [(), first]
        sampled, of_group = call.widths.length(parts[0]), parts[1]
    summed, kept = (of_group, second) if transposed else (second, of_group)
    space = len(call.dims(weight)) - 2
    return _biased(call.with_argument(6, "groups", sampled), 2, summed, kept, channel=-space - 1)


family("linear", dense, run_dense)
family("conv1d conv2d conv3d", convolved, run_convolution)
family("conv_transpose1d conv_transpose2d conv_transpose3d", convolved_back, run_convolution)
