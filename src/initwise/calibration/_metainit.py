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

    Where torch.distributed runs, all processes call this together, each with its own batches: the loss is the mean over
    all samples, and all find the same norms. Noise is the same in all of them.

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

    def asked() -> dict[str, Any]:
        check = Arguments("metainit")
        check.integer("steps", steps, least=1)
        check.integer("limit", limit, least=1)
        if check.number("learning_rate", learning_rate) <= 0:
            check.refuse(f"learning_rate is {learning_rate}, and must be above 0")
        if not 0 <= check.number("momentum", momentum) < 1:
            check.refuse(f"momentum is {momentum}, and must be at least 0 and below 1")
        check.done()
        return {"steps": steps, "learning_rate": learning_rate, "momentum": momentum, "limit": limit}

    def search(found: Landscape) -> tuple[Sequence[float], str]:
        return _descend(found, steps, float(learning_rate), float(momentum))

    return found_by("metainit", (model, batches, plan), loss, _is_matrix, search, asked)


def slopes(found: Landscape, factors: Sequence[float], step: int) -> tuple[float, list[float]]:
    """Return the gradient quotient over all tensors that the loss depends on, and its slope along each factor.

    With dQ/dg and b = dQ/d(H g) known from the whole gradient, what is left are products with derivatives of the loss,
    which are sums over processes: H b, and then the slopes.
    """
    scales = torch.tensor(factors, dtype=torch.float64, device="cpu", requires_grad=True)
    weights = found.weights(scales)
    by = list(weights.values())
    part = found.gradient([found.part(weights, found.calls.at(step), step)], by, again=True)
    gradient = [each.requires_grad_() for each in found.total("gradients", part)]
    turned_part = found.gradient(part, by, gradient, again=True)  # the Hessian times the gradient
    turned = [each.requires_grad_() for each in found.total("products with the Hessian", turned_part)]
    quotient = gradient_quotient(gradient, turned)
    by_gradient, by_turned = _split(found.gradient([quotient], [*gradient, *turned]))
    *back, along_turned = found.gradient(turned_part, [*gradient, scales], by_turned)
    along = [one + other for one, other in zip(by_gradient, found.total("their slopes", back), strict=True)]
    (along_gradient,) = found.gradient(part, [scales], along)
    (slope,) = found.total("slopes", [along_turned + along_gradient])
    value = float(quotient.detach())
    if not (math.isfinite(value) and bool(torch.isfinite(slope).all())):
        raise found.refuse(
            f"the gradient quotient is {value} at step {step}, and only finite numbers lead down; {ADVICE}"
        )
    found_slopes: list[float] = slope.tolist()
    return value, found_slopes


def gradient_quotient(gradient: Sequence[Tensor], turned: Sequence[Tensor]) -> Tensor:
    """Return the gradient quotient of gradients, and the products of the Hessian with them."""
    total, count = torch.zeros((), dtype=torch.float32, device="cpu"), 0
    for one, other in zip(map(_real, gradient), map(_real, turned), strict=True):
        sign = torch.where(one >= 0, 1.0, -1.0)
        total = total + ((one - other) / (one + _EPSILON * sign) - 1).abs().sum().cpu()
        count += one.numel()
    return total / count


def _descend(found: Landscape, steps: int, rate: float, momentum: float) -> tuple[list[float], str]:
    norms = [float(torch.linalg.vector_norm(found.base[path])) for path in found.scaled.values()]
    factors, speed = [1.0] * len(norms), [0.0] * len(norms)
    first = slopes(found, factors, 0)[0]
    for step in range(steps):
        _, found_slopes = slopes(found, factors, step)
        speed = [momentum * v - rate * _sign(slope) for v, slope in zip(speed, found_slopes, strict=True)]
        factors = [max(_LEAST, one + v / norm) for one, v, norm in zip(factors, speed, norms, strict=True)]
    last = slopes(found, factors, 0)[0]
    return factors, f"the gradient quotient was {first:.4g} and is {last:.4g}, {steps} steps on {found.calls.words}"


def _split(both: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    half = len(both) // 2
    return both[:half], both[half:]


def _is_matrix(row: Row) -> bool:
    return len(row.shape) > 1


def _real(tensor: Tensor) -> Tensor:
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def _sign(slope: float) -> float:
    return math.copysign(1.0, slope) if slope else 0.0
