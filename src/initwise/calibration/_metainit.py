"""`metainit`: weight norms learned so that the gradient hardly changes over one gradient step."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from initwise._arguments import Arguments
from initwise.calibration._landscape import ADVICE, Landscape, found_by
from initwise.planning import Plan, Row

_EPSILON = 1e-5  # as published
_LEAST = 0.01  # the smallest factor: a norm that crosses zero would turn the signs of its weight


def metainit(
    model: nn.Module,
    batches: Any,
    plan: Plan,
    *,
    loss: Callable[..., Any] | None = None,
    steps: int = 150,
    learning_rate: float = 0.1,
    momentum: float = 0.9,
    limit: int = 16,
) -> Plan:
    """Learn the norm of each weight so that the loss is nearly linear where training starts (MetaInit).

    GQ = mean |(g - H g) / (g + eps sgn g) - 1| over all trained elements, with gradient g, Hessian H, eps = 1e-5: how
    much the gradient changes over one step of gradient descent, relative to itself. Norms are moved by
    v <- momentum v - learning_rate sign(dGQ/d norm), norm <- norm + v.
    Dauphin, Schoenholz, MetaInit: initializing learning by learning to initialize, NeurIPS 2019.

    Scaled are the trained weights of two axes or more. Biases and gains are differentiated by, and stay. So do zeros
    and what is kept, frozen or parametrized; the plan's notes say so. Dropout is off, batch norms use the batch.

    Args:
        model: any `nn.Module` with memory; afterwards it holds the new plan, and all else is what it was.
        batches: None for standard normal inputs, new at each step, which is the published way; or one batch as for
            `iw.plan(inputs=)`, a list or a loader of them, taken in turn.
        plan: what the weights are before they are scaled.
        loss: takes the output, and the labels that the batches have; left out, the model's own, or cross entropy (mean
            square for what is no scores of classes), with labels drawn at random where there are none.
        steps: how often the norms move. Each step costs about four backward passes, with their memory.
        learning_rate: how far a norm moves in a step, in units of the norm, as published. With steps a tenth of that
            size the noise in the signs of a very large quotient outweighs its slope.
        momentum: how much of a step goes into the next one.
        limit: how many batches of a loader are used.

    Returns:
        The plan with `Scaled` initializers: it is explained, stored, compared and verified like any other.

    Raises:
        ArgumentError: nothing to scale, a model that cannot be differentiated twice, a loss that is no scalar, a
            quotient that is not finite.
        ApplyError: the plan is for another model.

    >>> import torch, initwise as iw
    >>> model = nn.Sequential(*(layer for _ in range(8) for layer in (nn.Linear(16, 16), nn.ReLU())), nn.Linear(16, 10))
    >>> wide = iw.plan(model, [iw.rule(nn.Linear, weight=iw.Normal(std=0.6), bias=iw.Zeros())])  # He: 0.354
    >>> plan = iw.metainit(model, None, wide, steps=40)
    >>> plan["0.weight"].law.std < 0.5, iw.verify(model, plan).ok
    (True, True)
    """
    check = Arguments("metainit")
    check.integer("steps", steps, least=1)
    check.integer("limit", limit, least=1)
    if check.number("learning_rate", learning_rate) <= 0:
        check.refuse(f"learning_rate is {learning_rate}, and must be above 0")
    if not 0 <= check.number("momentum", momentum) < 1:
        check.refuse(f"momentum is {momentum}, and must be at least 0 and below 1")
    check.done()

    def search(found: Landscape) -> tuple[Sequence[float], str]:
        return _descend(found, steps, float(learning_rate), float(momentum))

    return found_by("metainit", (model, batches, plan), loss, limit, _is_matrix, search)


def gradient_quotient(found: Landscape, weights: dict[str, Tensor], step: int) -> Tensor:
    """Return the gradient quotient over all tensors that the loss depends on."""
    value, by = found.loss_at(weights, found.calls.at(step), step), list(weights.values())
    gradient = found.gradient(value, by, again=True)
    square = torch.stack([(_real(each) ** 2).sum().cpu() for each in gradient]).sum() / 2
    turned = found.gradient(square, by, again=True)  # the Hessian times the gradient
    total, count = torch.zeros((), dtype=square.dtype, device="cpu"), 0
    for one, other in zip(map(_real, gradient), map(_real, turned), strict=True):
        sign = torch.where(one >= 0, 1.0, -1.0)
        total = total + ((one - other) / (one + _EPSILON * sign) - 1).abs().sum().cpu()
        count += one.numel()
    return total / count


def _descend(found: Landscape, steps: int, rate: float, momentum: float) -> tuple[list[float], str]:
    norms = [float(torch.linalg.vector_norm(found.base[path])) for path in found.scaled.values()]
    factors, speed = [1.0] * len(norms), [0.0] * len(norms)
    first = _slopes(found, factors, 0)[0]
    for step in range(steps):
        _, slopes = _slopes(found, factors, step)
        speed = [momentum * v - rate * _sign(slope) for v, slope in zip(speed, slopes, strict=True)]
        factors = [max(_LEAST, one + v / norm) for one, v, norm in zip(factors, speed, norms, strict=True)]
    last = _slopes(found, factors, 0)[0]
    return factors, f"the gradient quotient was {first:.4g} and is {last:.4g}, {steps} steps on {found.calls.words}"


def _slopes(found: Landscape, factors: Sequence[float], step: int) -> tuple[float, list[float]]:
    """Return the quotient, and its slope along each factor."""
    scales = torch.tensor(factors, dtype=torch.float64, device="cpu", requires_grad=True)
    quotient = gradient_quotient(found, found.weights(scales), step)
    (slopes,) = found.gradient(quotient, [scales])
    value = float(quotient.detach())
    if not (math.isfinite(value) and bool(torch.isfinite(slopes).all())):
        raise found.refuse(
            f"the gradient quotient is {value} at step {step}, and only finite numbers lead down; {ADVICE}"
        )
    found_slopes: list[float] = slopes.tolist()
    return value, found_slopes


def _is_matrix(row: Row) -> bool:
    return len(row.shape) > 1


def _real(tensor: Tensor) -> Tensor:
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def _sign(slope: float) -> float:
    return math.copysign(1.0, slope) if slope else 0.0
