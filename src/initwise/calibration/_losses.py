"""The loss that a descent differentiates: the user's, the model's own, or one against labels drawn at random."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import Tensor

from initwise.calibration._calls import Call
from initwise.errors import ArgumentError
from initwise.model.graph._structures import mapped, tensors
from initwise.signals._objective import PROJECTION, _called, _logits, classified

Loss = Callable[..., Any]


def loss_of(operation: str, loss: Loss | None, output: Any, call: Call, step: int) -> Tensor:
    """Return the loss of a model's output, a scalar with a gradient.

    A loss takes the output and what the model left of the batch, or the output alone. Without a loss it is the model's
    own where the output has one, and else by the labels: cross entropy for whole numbers, the mean square for floats;
    where the batch has no labels, they are drawn at random for each step.

    Raises:
        ArgumentError: it is no scalar, has no gradient, or is not to be told from the labels.
    """
    device = next((each.device for each in tensors(output)), torch.device("cpu"))
    targets = mapped(call.targets, lambda each: each.to(device))
    if loss is not None:
        value = _called(_bound(loss, output, targets), output, operation)
    elif targets:
        value = _labelled(operation, output, targets, tokens=_tokens(call))
    else:
        start = classified(output, None, tokens=_tokens(call), seed=step, who=operation)
        value = start.scalar if start.scalar is not None and start.words != PROJECTION else _noisy(output, step)
    if not value.requires_grad:
        raise ArgumentError(f"{operation}: the loss does not depend on a trained parameter; give a loss= that does")
    return value


def _bound(loss: Loss, output: Any, targets: tuple[Any, ...]) -> Loss:
    """Return the loss as a function of the output alone."""
    if not targets:
        return loss
    try:
        signature = inspect.signature(loss.forward if isinstance(loss, torch.nn.Module) else loss)
        signature.bind(output, *targets)
    except TypeError:
        return loss  # it takes the output alone; whether it does is checked where it is called
    except ValueError:
        pass  # built-in functions may not tell theirs
    return lambda made: loss(made, *targets)


def _labelled(operation: str, output: Any, targets: tuple[Any, ...], *, tokens: bool) -> Tensor:
    plain = [each for each in tensors(output) if each.is_floating_point()]
    if len(targets) == 1 and isinstance(targets[0], Tensor) and plain:
        labels = targets[0]
        logits = _logits(output, tokens=tokens)
        if not labels.is_floating_point() and logits is not None and labels.numel() == logits.shape[:-1].numel():
            return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1))
        if labels.is_floating_point() and labels.shape == plain[0].shape:
            return F.mse_loss(plain[0], labels.to(plain[0].dtype))
    raise ArgumentError(
        f"{operation}: the batches have labels, and which loss takes them is not told by their form; give loss=, a "
        "function of the model's output and the labels, such as torch.nn.functional.cross_entropy"
    )


def _noisy(output: Any, step: int) -> Tensor:
    """Return half the mean square distance of all outputs from standard normal targets."""
    generator = torch.Generator(device="cpu").manual_seed(step)
    found = [each for each in tensors(output) if each.requires_grad and each.numel()]
    real = [torch.view_as_real(each) if each.is_complex() else each for each in found]
    parts = [
        (each - torch.randn(each.shape, generator=generator, dtype=each.dtype, device="cpu").to(each.device)) ** 2
        for each in real
    ]
    return torch.stack([each.mean().cpu() for each in parts]).sum() / 2 if parts else torch.zeros(())


def _tokens(call: Call) -> bool:
    return any(not each.is_floating_point() for each in tensors((call.example.args, call.example.kwargs)))
