"""Which operations get a row: those that a measured pass tells about too."""

from __future__ import annotations

from initwise.model.graph import Graph, Operation
from initwise.model.graph._vocabulary import CONVOLUTIONS, INDEXING, VIEWS
from initwise.signals._units import unit_axis

_SILENT = VIEWS | INDEXING | frozenset("contiguous clone float requires_grad_ detach pin_memory cpu cuda alias".split())
_LAYERS = frozenset("linear matmul __matmul__ addmm mm bmm einsum layer_norm rms_norm bilinear".split())


def told(graph: Graph) -> dict[int, int]:
    """Return the operations that get a row, with the axis of their units."""
    signals = set(graph.fed)
    axis: dict[int, int] = {}
    found: dict[int, int] = {}
    for operation in graph.operations[: graph.forward]:
        taken = [each for each in operation.inputs if each in signals]
        if not taken:
            continue
        signals.update(operation.outputs)
        own = _axis(graph, operation, taken, axis)
        for output in operation.outputs:
            axis[output] = own
        first = graph.values[operation.outputs[0]]
        if first.tensor.is_floating_point() and first.tensor.numel() and not _is_view(graph, operation, taken):
            found[operation.index] = own
    return found


def _is_view(graph: Graph, operation: Operation, taken: list[int]) -> bool:
    others = [each for each in operation.inputs if graph.values[each].kind in ("parameter", "auxiliary")]
    return operation.name in _SILENT and not others and len(taken) == 1


def _axis(graph: Graph, operation: Operation, taken: list[int], axis: dict[int, int]) -> int:
    own = unit_axis(operation.name)
    if own == 1 or operation.name in _LAYERS:
        return own
    same = graph.values[taken[0]].tensor.shape == graph.values[operation.outputs[0]].tensor.shape
    return axis.get(taken[0], -1) if same else -1


_ = CONVOLUTIONS
