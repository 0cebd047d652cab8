"""What the backward pass starts from: the user's loss, the model's own, or a projection of all outputs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.model.graph._structures import tensors
from initwise.signals._errors import ProbeError

_SEED = 21


def objective(output: Any, loss: Callable[[Any], Any] | None) -> tuple[Tensor | None, Tensor | None]:
    """Return a scalar to differentiate (None where nothing is trained), and the loss if it is one.

    Without a loss, the model's own is taken where its output has one (`labels` among the inputs of a transformers
    model), else sum(r * y) / sqrt(n) with fixed normal r over each floating output y of n elements: every output
    element gets a gradient, and nothing is scaled by the size of the output.
    """
    if loss is not None:
        value = _called(loss, output)
        return value, value
    own = _own_loss(output)
    if own is not None:
        return own, own
    outputs = {id(each): each for each in tensors(output) if each.requires_grad and each.numel()}
    parts = [_projected(each, place) for place, each in enumerate(outputs.values())]
    return (torch.stack(parts).sum() if parts else None), None


def _own_loss(output: Any) -> Tensor | None:
    value = output.get("loss") if isinstance(output, dict) else getattr(output, "loss", None)
    if not isinstance(value, Tensor) or value.numel() != 1 or not value.requires_grad:
        return None
    return value.reshape(())


def _projected(output: Tensor, place: int) -> Tensor:
    real = torch.view_as_real(output) if output.is_complex() else output
    generator = torch.Generator(device="cpu").manual_seed(_SEED + place)
    weights = torch.randn(real.shape, generator=generator, device="cpu").to(real.device)
    projection: Tensor = (real.float() * weights).sum().cpu() / real.numel() ** 0.5
    return projection


def _called(loss: Callable[[Any], Any], output: Any) -> Tensor:
    _check_signature(loss)
    try:
        value = loss(output)
    except Exception as error:
        raise ProbeError(
            f"probe: the loss raised {type(error).__name__} when it was called with the model's output"
            f" ({_told(output)}): {error}"
        ) from error
    if not isinstance(value, Tensor):
        raise ArgumentTypeError(f"probe: the loss returned a {type(value).__name__}; it must return a scalar tensor")
    if value.numel() != 1:
        raise ArgumentError(
            f"probe: the loss has shape {tuple(value.shape)}; it must be a scalar: give a reduction, such as .mean()"
        )
    if not value.requires_grad:
        raise ArgumentError(
            "probe: the loss has no gradient: it does not depend on a trained parameter of the model; compute it from"
            " the model's output, without detach(), item() or torch.no_grad()"
        )
    return value.reshape(())


def _check_signature(loss: Callable[[Any], Any]) -> None:
    called = loss.forward if isinstance(loss, torch.nn.Module) else loss
    try:
        signature = inspect.signature(called)
    except (TypeError, ValueError):  # built-in functions may not tell theirs
        return
    try:
        signature.bind(None)
    except TypeError as error:
        name = getattr(loss, "__name__", type(loss).__name__)
        raise ArgumentTypeError(
            f"probe: the loss {name}{signature} cannot be called with the model's output alone; pass"
            f" lambda out: {name}(out, target)"
        ) from error


def _told(output: Any) -> str:
    shapes = [f"{'x'.join(map(str, each.shape)) or 'scalar'} {each.dtype}" for each in tensors(output)]
    return f"{type(output).__name__} of {', '.join(shapes[:4])}{', ...' if len(shapes) > 4 else ''}"
