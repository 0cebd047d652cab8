"""A user's nonlinearity, made safe to integrate: a pure, element-wise function of float64 tensors, or an error."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from initwise.errors import ArgumentError, ArgumentTypeError


def elementwise(function: Callable[..., Any], name: str) -> Callable[[Tensor], Tensor]:
    """Return `function` for float64 tensors on the CPU; a module is copied first, so that nothing in it changes.

    Raises:
        ArgumentError: it fails, returns no tensor of the same shape, mixes elements, or answers differently twice.
    """
    if isinstance(function, nn.Module):
        function = copy.deepcopy(function).to(device="cpu", dtype=torch.float64)

    def evaluate(z: Tensor) -> Tensor:
        return _evaluated(function, z, name)

    _refuse_impure(evaluate, name)
    return evaluate


def derivative(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Return the derivative of an element-wise function, by autograd."""

    def evaluate(z: Tensor) -> Tensor:
        with torch.inference_mode(False), torch.enable_grad():
            slope: Tensor = torch.autograd.functional.vjp(function, z.clone(), torch.ones_like(z))[1]
        return slope

    return evaluate


def _evaluated(function: Callable[..., Any], z: Tensor, name: str) -> Tensor:
    try:
        found = function(z)
    except Exception as error:
        raise ArgumentError(f"gain: {name} failed on a float64 tensor of shape {tuple(z.shape)}: {error}") from error
    if not isinstance(found, Tensor):
        raise ArgumentTypeError(f"gain: {name} returned {type(found).__name__}, not a tensor")
    if found.shape != z.shape:
        raise ArgumentError(
            f"gain: {name} is not element-wise: it turned shape {tuple(z.shape)} into {tuple(found.shape)}. "
            f"Give the element-wise part (for a gated unit, the function on the gate)"
        )
    if not found.is_floating_point():
        raise ArgumentTypeError(f"gain: {name} returned {found.dtype}, not a real floating tensor")
    return found.to(torch.float64)


def _refuse_impure(evaluate: Callable[[Tensor], Tensor], name: str) -> None:
    # Not sorted and not symmetric, so that a sum, a maximum or an order over the elements shows.
    z = torch.sin(torch.arange(1.0, 65.0, dtype=torch.float64, device="cpu") ** 2) * 3.0
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        whole, again = evaluate(z), evaluate(z)
        apart = torch.cat([evaluate(z[:7]), evaluate(z[7:].flip(0)).flip(0)])
    if not torch.equal(whole.nan_to_num(), again.nan_to_num()):
        raise ArgumentError(f"gain: {name} answers differently when called twice (random or with a state); use eval()")
    if not torch.allclose(whole, apart, rtol=1e-6, atol=1e-9, equal_nan=True):
        raise ArgumentError(f"gain: {name} is not element-wise: a value depends on the other elements of the tensor")
