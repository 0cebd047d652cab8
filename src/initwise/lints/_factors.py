"""Parameters that are multiplied into a weight, and are none by themselves."""

from __future__ import annotations

from initwise.model import Graph
from initwise.model.graph._vocabulary import PRODUCTS, TRANSPARENT


def is_factor(graph: Graph | None, name: str) -> bool:
    """Tell whether a parameter is multiplied by a tensor before it is a weight, as the std of noise is."""
    if graph is None or name not in graph.parameters:
        return False
    seen = {graph.parameters[name]}  # the parameter, and views of it
    for operation in graph:
        own = seen.intersection(operation.inputs)
        if own and operation.name in TRANSPARENT:
            seen.update(operation.outputs)
        elif own and operation.name in PRODUCTS:
            others = (value for value in operation.inputs if value not in seen)
            if any(graph.values[value].tensor.numel() > 1 for value in others):
                return True
    return False
