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
from initwise.model.graph import Operation
from initwise.model.graph._structures import mapped
from initwise.writing import write

_SEED = 11
_HALF = frozenset({torch.float16, torch.bfloat16})
_MISFITS = ("dtype", "scalar type", "Expected tensor for argument", "out of range")


def given_inputs(
    graph: Graph, example: Example, statistics: Mapping[str, Any] | None
) -> tuple[dict[int, Tensor], list[str]]:
    """Return the values of the graph's inputs, and what is to be said about them.

    Raises:
        ArgumentError: an input is empty or holds infinities or NaN, or `statistics` names no input.
        ArgumentTypeError: a law is no initializer.
    """
    taken: list[Tensor] = []
    mapped((example.args, example.kwargs), taken.append)
    names = [graph.values[index].name for index in graph.inputs]
    laws = _laws(statistics, dict(zip(names, taken, strict=True)))
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


def _laws(statistics: Mapping[str, Any] | None, inputs: Mapping[str, Tensor]) -> dict[str, Initializer]:
    if statistics is not None and not isinstance(statistics, Mapping):
        raise ArgumentTypeError(
            f"predict: statistics is {show(statistics)} of type {type(statistics).__name__}; give a law by input, as in"
            ' {"0": iw.Normal(std=2.0)}'
        )
    found = {str(name): law for name, law in (statistics or {}).items()}
    for name, law in found.items():
        if name not in inputs:
            raise ArgumentError(
                f"predict: statistics names {name!r}, which is no input{nearest(name, list(inputs))}; the inputs are"
                f" {', '.join(inputs)}"
            )
        if not isinstance(law, Initializer):
            raise ArgumentTypeError(
                f"predict: the statistics of {name!r} are {show(law)} of type {type(law).__name__}; give a law such as"
                " iw.Normal(std=2.0)"
            )
        if not inputs[name].is_floating_point():
            raise ArgumentError(
                f"predict: statistics names {name!r}, which is {inputs[name].dtype}; laws are for floating inputs, give"
                " its values"
            )
    return found


def _drawn(tensor: Tensor, law: Initializer, name: str) -> Tensor:
    made = torch.empty(tensor.shape, dtype=torch.float32 if tensor.dtype in _HALF else tensor.dtype)
    write(made, law, Target(tuple(tensor.shape), made.dtype), seed=_SEED, name=name)
    return made


def _plain(name: str, tensor: Tensor, notes: list[str]) -> Tensor:
    if tensor.is_meta:
        raise ArgumentError(f"predict: input {name!r} is {tensor.dtype} on meta; give whole numbers with values")
    if not tensor.numel():
        shape = "x".join(map(str, tensor.shape))
        raise ArgumentError(f"predict: input {name!r} is empty ({shape} {tensor.dtype}); give one sample at least")
    values = tensor.detach().cpu()
    if not values.is_floating_point():
        return values
    if not bool(torch.isfinite(values).all()):
        raise ArgumentError(f"predict: input {name!r} holds infinities or NaN; give finite inputs")
    if not bool(values.any()):
        notes.append(f"input {name!r} is all zeros: what depends on it alone is what biases make of it")
    return values.float() if values.dtype in _HALF else values


def refuse_unfit(graph: Graph, operation: Operation, error: Exception) -> None:
    """Refuse inputs whose dtype or range an operation does not take, which meta does not look at.

    Raises:
        ArgumentError: what failed takes an input of the model, and its message speaks of such things.
    """
    given = {*graph.inputs, *graph.fed}
    if graph.fallbacks or not given.intersection(operation.inputs):
        return
    if isinstance(error, IndexError) or any(word in str(error) for word in _MISFITS):
        place = f" in {operation.module!r}" if operation.module else ""
        raise ArgumentError(
            f"predict: the inputs do not fit the model: {operation.name}{place} raised {type(error).__name__}"
            f" with {graph.inputs_in_words}: {error}. Give inputs= that its forward takes"
        ) from error
