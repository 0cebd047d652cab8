"""The model's inputs as a prediction takes them: their own values, or values drawn from a law."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from initwise._arguments import nearest, show
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.initializers import Initializer, Normal, Target
from initwise.model import Example, Graph
from initwise.model.graph._structures import mapped
from initwise.writing import write

_SEED = 11


def given_inputs(
    graph: Graph, example: Example, statistics: Mapping[str, Any] | None
) -> tuple[dict[int, Tensor], list[str]]:
    """Return the values of the graph's inputs, and what is to be said about them.

    Raises:
        ArgumentError: an input holds infinities or NaN, or `statistics` names no input.
        ArgumentTypeError: a law is no initializer.
    """
    taken: list[Tensor] = []
    mapped((example.args, example.kwargs), taken.append)
    names = [graph.values[index].name for index in graph.inputs]
    laws = _laws(statistics, names)
    notes: list[str] = []
    found = {}
    for index, name, tensor in zip(graph.inputs, names, taken, strict=True):
        law = laws.get(name) or (Normal(std=1.0) if tensor.is_meta and tensor.is_floating_point() else None)
        if law is None:
            found[index] = _plain(name, tensor, notes)
            continue
        found[index] = _drawn(tensor, law, name)
        notes.append(f"input {name!r} was drawn from {law!r}")
    return found, notes


def _laws(statistics: Mapping[str, Any] | None, names: list[str]) -> dict[str, Initializer]:
    found = {str(name): law for name, law in (statistics or {}).items()}
    for name, law in found.items():
        if name not in names:
            raise ArgumentError(
                f"predict: statistics names {name!r}, which is no input{nearest(name, names)}; the inputs are"
                f" {', '.join(names)}"
            )
        if not isinstance(law, Initializer):
            raise ArgumentTypeError(
                f"predict: the statistics of {name!r} are {show(law)} of type {type(law).__name__}; give a law such as"
                " iw.Normal(std=2.0)"
            )
    return found


def _drawn(tensor: Tensor, law: Initializer, name: str) -> Tensor:
    made = torch.empty(tensor.shape)
    write(made, law, Target(tuple(tensor.shape), made.dtype), seed=_SEED, name=name)
    return made


def _plain(name: str, tensor: Tensor, notes: list[str]) -> Tensor:
    if tensor.is_meta:
        raise ArgumentError(f"predict: input {name!r} is {tensor.dtype} on meta; give whole numbers with values")
    values = tensor.detach().cpu()
    if not values.is_floating_point():
        return values
    if not bool(torch.isfinite(values).all()):
        raise ArgumentError(f"predict: input {name!r} holds infinities or NaN; give finite inputs")
    if not bool(values.any()):
        notes.append(f"input {name!r} is all zeros: what depends on it alone is what biases make of it")
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
