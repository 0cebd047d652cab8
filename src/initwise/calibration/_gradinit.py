"""`gradinit`: scales learned so that the first step of training lowers the loss as far as it can."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from initwise._arguments import Arguments
from initwise.calibration._landscape import ADVICE, Landscape, Weights, found_by
from initwise.planning import Plan, Row

_LEAST = 0.01  # the smallest factor, as published


def gradinit(
    model: nn.Module,
    batches: Any,
    plan: Plan,
    *,
    loss: Callable[..., Any] | None = None,
    optimizer: Literal["sgd", "adam"] = "sgd",
    eta: float | None = None,
    bound: float = 1.0,
    steps: int = 200,
    learning_rate: float = 0.01,
    limit: int = 16,
) -> Plan:
    """Learn a scale for each tensor so that the loss after one optimizer step is smallest (GradInit).

    Minimise L(theta - eta A[g]) subject to |g|_p <= bound over the scales m of theta = m theta0, with g the gradient of
    L at theta: for SGD A[g] = g and p = 2, for Adam A[g] = sign g, which is its first step, and p = 1. Where the
    gradient is above the bound a step lowers its norm, else it lowers the loss, over a batch of which half is new.
    Scales start at 1, are moved by Adam, and stay above 0.01. Zhu, Ni, Xu, Kong, Huang, Goldstein, GradInit, NeurIPS
    2021 (arXiv:2102.08098).

    Where torch.distributed runs, all processes call this together, each with its own batches: the loss is the mean over
    all samples, and all find the same scales.

    Scaled is every trained tensor, gains of norms included. Zeros and what is kept, frozen or parametrized stay as they
    are; the plan's notes say so. Dropout is off, batch norms use the batch.

    Args:
        model: any `nn.Module` with memory; afterwards it holds the new plan, and all else is what it was.
        batches: of the training data, with labels: one batch, a list or a loader of them, taken in turn. What forward
            does not take is for the loss. None: standard normal inputs and random labels, new at each step.
        plan: what the weights are before they are scaled.
        loss: takes the output, and the labels that the batches have; left out, the model's own, or cross entropy (mean
            square for what is no scores of classes), with labels drawn at random where there are none.
        optimizer: which step is looked ahead.
        eta: the learning rate of that step, the one you will train with; left out, 0.1 for SGD and 0.001 for Adam.
        bound: the largest norm of the gradient. The sum of sizes that Adam's is over grows with the number of elements.
        steps: how often the scales move. Each step costs about two backward passes, with their memory.
        learning_rate: of the scales.
        limit: how many batches of a loader are used.

    Returns:
        The plan with `Scaled` initializers. Its reasons say where the bound was not reached.

    Raises:
        ArgumentError: nothing to scale, a model that cannot be differentiated twice, a loss that is no scalar, a loss
            or a gradient that is not finite.
        ApplyError: the plan is for another model.

    >>> import torch, initwise as iw
    >>> model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))
    >>> x = torch.randn(64, 16, generator=torch.Generator().manual_seed(0))
    >>> wide = iw.plan(model, [iw.rule(nn.Linear, weight=iw.Normal(std=1.0), bias=iw.Zeros())])
    >>> plan = iw.gradinit(model, (x, x[:, :4].argmax(1)), wide, steps=50)
    >>> plan["2.weight"].law.std < 1, iw.verify(model, plan).ok
    (True, True)
    """
    ahead = eta if eta is not None else 0.1 if optimizer == "sgd" else 0.001

    def asked() -> dict[str, Any]:
        check = Arguments("gradinit")
        check.choice("optimizer", optimizer, ("sgd", "adam"))
        check.integer("steps", steps, least=1)
        check.integer("limit", limit, least=1)
        numbers = {"eta": ahead, "bound": bound, "learning_rate": learning_rate}
        for name, value in numbers.items():
            if check.number(name, value) <= 0:
                check.refuse(f"{name} is {value}, and must be above 0")
        check.done()
        return {"optimizer": optimizer, "steps": steps, "limit": limit, **numbers}

    def search(found: Landscape) -> tuple[Sequence[float], str]:
        descent = _Descent(found, float(ahead), float(bound), by_sign=optimizer == "adam")
        return descent.run(steps, float(learning_rate))

    return found_by("gradinit", (model, batches, plan), loss, _is_any, search, asked)


class _Descent:
    """One search for scales."""

    def __init__(self, found: Landscape, ahead: float, bound: float, *, by_sign: bool) -> None:
        self.found, self.ahead, self.bound, self.by_sign = found, ahead, bound, by_sign

    def run(self, steps: int, rate: float) -> tuple[list[float], str]:
        """Return the scales and what was found."""
        scales = torch.ones(len(self.found.scaled), dtype=torch.float64, device="cpu", requires_grad=True)
        moved = torch.optim.Adam([scales], lr=rate)
        first = self._reached(scales, 0)[1]
        for step in range(steps):
            (slopes,) = self.found.total("slopes", [self.slopes(scales, step)])
            self._refuse_infinite(slopes, "the slope of a scale", step)
            scales.grad = slopes
            moved.step()
            with torch.no_grad():
                torch.clamp(scales, min=_LEAST, out=scales)
        norm, last = self._reached(scales, 0)
        return scales.tolist(), self._told(first, last, norm, steps)

    def slopes(self, scales: Tensor, step: int) -> Tensor:
        """Return this process's part of the slopes of what a step lowers.

        That is the norm of the gradient where it is above the bound, else the loss ahead. Both depend on the gradient
        over all processes, and it on the parts of each.
        """
        weights, part, gradient, norm = self._here(scales, step)
        if float(norm.detach()) > self.bound:
            (along,) = self.found.gradient(part, [scales], self.found.gradient([norm], gradient))
            return along
        ahead = self._ahead(weights, gradient, step)
        *back, along = self.found.gradient([ahead], [*gradient, scales])
        if self.by_sign:
            return along
        (through,) = self.found.gradient(part, [scales], self.found.total("slopes of the gradient", back))
        return along + through

    def _reached(self, scales: Tensor, step: int) -> tuple[float, float]:
        """Return the norm of the gradient, and the loss after a step."""
        weights, _, gradient, norm = self._here(scales, step)
        (ahead,) = self.found.total("the loss", [self._ahead(weights, gradient, step, finite=False)])
        return float(norm.detach()), float(ahead)

    def _here(self, scales: Tensor, step: int) -> tuple[Weights, list[Tensor], list[Tensor], Tensor]:
        """Return the weights, this process's part of the gradient, the whole of it, and its norm."""
        weights = self.found.weights(scales)
        value = self.found.part(weights, self.found.calls.at(step), step)
        part = self.found.gradient([value], list(weights.values()), again=True)
        gradient = [each.requires_grad_() for each in self.found.total("gradients", part)]
        sizes = [each.abs().cpu() for each in gradient]
        parts = [each.sum() if self.by_sign else (each**2).sum() for each in sizes]
        total = torch.stack([each.double() for each in parts]).sum()
        self._refuse_infinite(total, "the norm of the gradient", step)
        return weights, part, gradient, total if self.by_sign else total.sqrt()

    def _ahead(self, weights: Weights, gradient: list[Tensor], step: int, *, finite: bool = True) -> Tensor:
        """Return this process's part of the loss after one step of the optimizer, over a batch of which half is new."""
        moves = [each.sgn().detach() if self.by_sign else each for each in gradient]
        moved = {path: old - self.ahead * by for (path, old), by in zip(weights.items(), moves, strict=True)}
        return self.found.part(moved, self.found.calls.after(step), step, finite=finite)

    def _refuse_infinite(self, values: Tensor, what: str, step: int) -> None:
        if not bool(torch.isfinite(values).all()):
            raise self.found.refuse(f"{what} is not finite at step {step}; {ADVICE}")

    def _told(self, first: float, last: float, norm: float, steps: int) -> str:
        optimizer = "Adam" if self.by_sign else "SGD"
        above = (
            f", and the norm of the gradient {norm:.4g}, above its bound {self.bound:g}" if norm > self.bound else ""
        )
        return (
            f"the loss after a step of {optimizer} was {first:.4g} and is {last:.4g}{above}, {steps} steps on "
            f"{self.found.calls.words}"
        )


def _is_any(row: Row) -> bool:
    return True
