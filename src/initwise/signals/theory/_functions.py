"""An activation as theory needs it: a name, a pure function of float64 tensors, and its derivative."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from initwise._arguments import nearest, show
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.gains._functions import ALIASES, NAMED
from initwise.gains._probe import derivative, elementwise

Function = Callable[[Tensor], Tensor]
_TINY = 1e-30  # a step from 0 to either side, for slopes beside a kink
_PIECE = 1024  # torch spreads larger tensors over threads, which costs more than it saves
_SCALES = (1e-3, 0.37, 4.0, 50.0)


@dataclass(frozen=True)
class Activation:
    """A nonlinearity f: its name, f itself and f' (by autograd), for float64 tensors of one dimension."""

    name: str
    function: Function
    derivative: Function

    @cached_property
    def at_zero(self) -> float:
        """f(0)."""
        return float(self.function(torch.zeros(1, dtype=torch.float64))[0])

    @cached_property
    def slope_at_zero(self) -> float:
        """The mean of f'^2 just left and right of 0: what E f'(sqrt(q) z)^2 tends to as q goes to 0."""
        beside = torch.tensor([-_TINY, _TINY], dtype=torch.float64)
        return float((self.derivative(beside) ** 2).mean())

    @cached_property
    def is_homogeneous(self) -> bool:
        """Whether f(a x) = a f(x) for a > 0, as of ReLU and its kin: then no scale is special."""
        x = torch.linspace(-3.0, 3.0, 41, dtype=torch.float64)
        once = self.function(x)
        return all(torch.allclose(self.function(a * x), a * once, rtol=1e-9, atol=1e-12 * a) for a in _SCALES)


def resolved(operation: str, activation: object) -> Activation:
    """Return an activation by name, module or callable.

    Raises:
        ArgumentError: it is unknown or not element-wise.
    """
    if isinstance(activation, Activation):
        return activation
    name, function = _named(operation, activation)
    try:
        with torch.device("cpu"), torch.inference_mode(False):
            pure = elementwise(function, name)
    except ArgumentError as error:
        raise type(error)(f"{operation}: {str(error).removeprefix('gain: ')}") from error
    return Activation(name, _quiet(pure), _quiet(derivative(pure)))


def _named(operation: str, activation: object) -> tuple[str, Callable[..., Any]]:
    if isinstance(activation, str):
        name = ALIASES.get(activation, activation)
        if name not in NAMED:
            hint = nearest(activation, (*NAMED, *ALIASES))
            raise ArgumentError(
                f"{operation}: unknown activation {activation!r}{hint}; known are {', '.join(sorted(NAMED))}, and any"
                f" element-wise function fits too"
            )
        return name, NAMED[name].make(NAMED[name].default)
    if isinstance(activation, type) or not callable(activation):
        raise ArgumentTypeError(f"{operation}: {show(activation)} is not a name, a function or a module (an instance)")
    if isinstance(activation, nn.Module):
        return type(activation).__name__, activation
    return str(getattr(activation, "__name__", None) or show(activation)), activation


def known_name(function: Function) -> str:
    """Return the name of the nonlinearity without parameters that a function is equal to; "" for none.

    >>> known_name(lambda x: x * torch.sigmoid(x))
    'silu'
    """
    x = torch.linspace(-8.0, 8.0, 65, dtype=torch.float64, device="cpu")
    values = function(x)
    return next((name for name, made in _sampled().items() if torch.allclose(values, made, 1e-6, 1e-8)), "")


@lru_cache(maxsize=1)
def _sampled() -> dict[str, Tensor]:
    x = torch.linspace(-8.0, 8.0, 65, dtype=torch.float64, device="cpu")
    return {name: named.make(named.default)(x) for name, named in NAMED.items()}


def _quiet(function: Function) -> Function:
    """Return a function that no default device and gradient mode of the caller reach, in pieces for one thread."""

    def evaluate(z: Tensor) -> Tensor:
        with torch.device("cpu"), torch.inference_mode(False), torch.no_grad():
            return torch.cat([function(part) for part in z.split(_PIECE)])

    return evaluate
