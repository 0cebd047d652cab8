"""What `measure` is asked for, checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from initwise._arguments import Arguments, nearest, show
from initwise.errors import ArgumentError
from initwise.model import Example, Reading, as_example, read
from initwise.model.graph._structures import tensors
from initwise.planning import Plan, refuse_other_than_plan
from initwise.signals._shards import is_sharded
from initwise.signals.measured._told import told


@dataclass(frozen=True, eq=False)
class Asked:
    """The arguments in their stored form.

    Attributes:
        tokens: an input is a tensor of whole numbers.
        bins: of histograms; 0 for none.
        jacobian: the names of modules.
    """

    reading: Reading
    example: Example
    loss: Callable[[Any], Any] | None
    seeds: int
    plan: Plan | None
    rate: float
    bins: int
    jacobian: tuple[str, ...]

    @property
    def tokens(self) -> bool:
        """Whether an input is a tensor of whole numbers."""
        return any(not each.is_floating_point() for each in tensors((self.example.args, self.example.kwargs)))


@told()
def asked(
    model: Any,
    inputs: Any,
    loss: Any,
    *,
    seeds: Any,
    plan: Any,
    learning_rate: Any,
    histograms: Any,
    bins: Any,
    jacobian: Any,
) -> Asked:
    """Return the arguments in their stored form.

    Raises:
        ArgumentError: what is wrong with them.
    """
    check = Arguments("measure")
    if not isinstance(model, nn.Module):
        check.refuse(
            f"model is {show(model)} of type {type(model).__name__}, and must be an nn.Module", wrong_type=True
        )
    if loss is not None and not callable(loss):
        check.refuse(
            f"loss is {show(loss)} of type {type(loss).__name__}; give a function that takes the model's output and"
            " returns a scalar tensor",
            wrong_type=True,
        )
    count = check.integer("seeds", seeds, least=1)
    rate = check.number("learning_rate", learning_rate)
    if rate <= 0:
        check.refuse(f"learning_rate is {rate:g}, and must be positive")
    shown = check.flag("histograms", histograms)
    number = check.integer("bins", bins, least=2)
    names = (jacobian,) if isinstance(jacobian, str) else jacobian
    if not isinstance(names, (tuple, list)) or not all(isinstance(each, str) for each in names):
        check.refuse(f"jacobian is {show(jacobian)}, and must be names of modules in a tuple", wrong_type=True)
    check.done()
    if plan is not None:
        refuse_other_than_plan("measure", plan)
    reading = read(model)
    _check_memory(reading)
    _check_modules(reading, names)
    if names and is_sharded(reading):
        raise ArgumentError(
            "measure: jacobian takes products with whole weights, and the model is sharded (fully_shard): measure it"
            " before it is, or leave jacobian= out"
        )
    example = as_example(inputs, model)
    _check_inputs(example)
    return Asked(reading, example, loss, count, plan, rate, number if shown else 0, tuple(names))


def _check_memory(reading: Reading) -> None:
    empty = [each.name for each in reading.parameters if each.tensor.is_meta]
    if empty:
        more = f" and {len(empty) - 1} more parameters are" if len(empty) > 1 else " is"
        raise ArgumentError(
            f"measure: {empty[0]!r}{more} on the meta device, without values to measure; predict instead, without"
            " memory: iw.predict(model, plan, inputs)"
        )


def _check_modules(reading: Reading, names: Any) -> None:
    for name in names:
        if name not in reading.modules:
            raise ArgumentError(
                f"measure: jacobian names {name!r}, and the model has no such module{nearest(name, reading.modules)}"
            )


def _check_inputs(example: Example) -> None:
    names = [*(f"argument {place}" for place in range(len(example.args))), *example.kwargs]
    for name, value in zip(names, (*example.args, *example.kwargs.values()), strict=True):
        for tensor in tensors(value):
            if tensor.is_meta:
                raise ArgumentError(
                    f"measure: {name} of the inputs is on the meta device, without values; give a batch"
                )
            what = _not_finite(tensor, name)
            if what:
                raise ArgumentError(f"measure: {name} of the inputs holds {what}; give inputs of finite numbers")


def _not_finite(tensor: Tensor, name: str) -> str:
    """Return what is wrong with an input's elements; a mask may hold infinities."""
    if not tensor.is_floating_point() or bool(torch.isfinite(tensor).all()):
        return ""
    if bool(torch.isnan(tensor).any()):
        return "NaN"
    return "" if "mask" in name else "infinities"


def zeros(example: Example) -> list[str]:
    """Return the names of floating inputs that are zero everywhere."""
    names = [*(f"argument {place}" for place in range(len(example.args))), *example.kwargs]
    return [
        name
        for name, value in zip(names, (*example.args, *example.kwargs.values()), strict=True)
        if any(each.is_floating_point() and each.numel() and not bool(each.any()) for each in tensors(value))
    ]
