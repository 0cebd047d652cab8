"""How much of a convolution's window lies on the image: where kernels are as large as what they see, padding counts."""

from __future__ import annotations

import math

from initwise.model import Graph
from initwise.model.graph import Operation
from initwise.model.graph._vocabulary import CONVOLUTIONS

LEAST = 0.7  # above, padding is a matter of the borders, and fans are what they are


def coverage(graph: Graph, operation: Operation) -> float:
    """Return the mean share of a kernel's taps that fall on the input, over all output positions; 1 above 0.7.

    For the sizes of one axis, input L, output M, kernel k, stride s, padding p, dilation d: the number of (output, tap)
    pairs with 0 <= o s - p + t d < L, divided by M k; transposed: of (input, tap) pairs with 0 <= i s - p + t d < M,
    divided by M k / s.
    """
    if operation.name not in CONVOLUTIONS or not operation.outputs:
        return 1.0
    dimensions = int(operation.name[-2])
    weight = operation.argument(1, "weight")
    source = operation.argument(0, "input")
    if weight is None or source is None:
        return 1.0
    transposed = "transpose" in operation.name
    kernel = graph.values[weight.value].tensor.shape[2:]
    seen = graph.values[source.value].tensor.shape[-dimensions:]
    made = graph.values[operation.outputs[0]].tensor.shape[-dimensions:]
    strides = _each(operation.argument(3, "stride", 1), dimensions)
    paddings = _each(operation.argument(4, "padding", 0), dimensions)
    dilations = _each(operation.argument(7 if transposed else 5, "dilation", 1), dimensions)
    if strides is None or paddings is None or dilations is None or min(*seen, *made, 1) < 1:
        return 1.0
    shares = []
    for axis in range(dimensions):
        step = (kernel[axis], strides[axis], paddings[axis], dilations[axis])
        if transposed:
            shares.append(_hits(seen[axis], made[axis], *step) * strides[axis] / (made[axis] * kernel[axis]))
        else:
            shares.append(_hits(made[axis], seen[axis], *step) / (made[axis] * kernel[axis]))
    found = math.prod(shares)
    return found if 0 < found < LEAST else 1.0


def _hits(positions: int, size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Return how many pairs of a position and a tap fall on `size` elements."""
    total = 0
    for tap in range(kernel):
        shift = tap * dilation - padding
        first = max(0, math.ceil(-shift / stride))
        last = min(positions - 1, math.floor((size - 1 - shift) / stride))
        total += max(0, last - first + 1)
    return total


def _each(value: object, dimensions: int) -> tuple[int, ...] | None:
    if isinstance(value, int):
        return (value,) * dimensions
    if isinstance(value, (tuple, list)) and all(isinstance(each, int) for each in value):
        return tuple(value) * (dimensions if len(value) == 1 else 1)
    return None
