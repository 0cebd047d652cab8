"""The table from operation to rule, and `rule`, with which users add their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.model.graph import Operation
from initwise.signals.forecast._axes import Axes, hold
from initwise.signals.forecast._state import Call

AxesRule = Callable[[Axes, Operation], None]
Run = Callable[[Call], Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """How one operation is predicted.

    Attributes:
        axes: says which axes of its output are those of its inputs; what it holds is sampled whole.
        run: the samples that it gives.
    """

    axes: AxesRule
    run: Run


RULES: dict[str, Rule] = {}


def family(names: str, axes: AxesRule = hold, run: Run = Call.run) -> None:
    """Add one rule for several operations, by name."""
    for name in names.split():
        RULES[name] = Rule(axes, run)


def name_of(function: Any) -> str:
    """Return the name under which an operation stands in a graph and in the table.

    >>> import torch
    >>> name_of(torch.nn.functional.gelu), name_of(torch.Tensor.relu)
    ('gelu', 'relu')
    """
    name = getattr(function, "__name__", "") or str(function)
    return name.removesuffix(".default") if "." in name else name


def find(operation: Operation) -> Rule | None:
    """Return the rule for an operation; None where there is none."""
    return RULES.get(name_of(operation.function)) or RULES.get(operation.name)


def rule(*functions: Callable[..., Any], elementwise: bool = False) -> Callable[[Run], Run]:
    """Say how an operation is predicted: a decorator for a function from a `Call` to the samples that it gives.

    The function gets tensors in place of the true ones, with the true samples and positions, and returns tensors. It
    may call what the model called (`call.run()`), or compute what that stands for. Everything must be differentiable
    where gradients are to be predicted. It replaces the rule that there is.

    Args:
        functions: torch functions, methods (`torch.Tensor.exp`) or custom operators (`torch.ops.mine.scan`).
        elementwise: it acts on each element by itself; otherwise it gets all elements of every axis.

    Raises:
        ArgumentError: no function is given.
        ArgumentTypeError: something is not callable.

    >>> import torch
    >>> @rule(torch.special.bessel_j0, elementwise=True)
    ... def bessel(call):
    ...     return call.run()
    """
    if not functions:
        raise ArgumentError("rule: give the functions that it is for, as in @rule(torch.special.bessel_j0)")
    for each in functions:
        if not callable(each):
            raise ArgumentTypeError(f"rule: {each!r} of type {type(each).__name__} is not a function")

    def add(run: Run) -> Run:
        from initwise.signals.forecast.rules._elementwise import broadcast

        for each in functions:
            RULES[name_of(each)] = Rule(broadcast if elementwise else hold, run)
        return run

    return add


def qualified(function: Any) -> str:
    """Return under which name a function can be imported, as far as it tells."""
    module = getattr(function, "__module__", None) or ""
    short = str(getattr(function, "__name__", function))
    if hasattr(function, "__objclass__"):
        return f"torch.Tensor.{short}"
    for place in ("torch", "torch.nn.functional", "torch.special", "torch.linalg", "torch.fft"):
        if getattr(_module(place), short, None) is function:
            return f"{place}.{short}"
    return f"{module}.{short}" if module else short


def _module(path: str) -> Any:
    found: Any = torch
    for part in path.split(".")[1:]:
        found = getattr(found, part)
    return found
