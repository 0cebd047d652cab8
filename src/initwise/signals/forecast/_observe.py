"""What is seen of one sample: moments and correlations going forward, the gradient's second moment going back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(eq=False, slots=True)
class Observed:
    """What was seen of the output of one operation."""

    mean: float
    second_moment: float
    sample_correlation: float | None
    token_correlation: float | None
    grad_second_moment: float | None = None


def observe(output: Tensor, axis: int) -> Observed:
    """Return the moments of an output, and let its gradient be noted when it arrives."""
    values = output.detach()
    values = torch.view_as_real(values).flatten(-2) if values.is_complex() else values
    found = Observed(float(values.mean()), float(values.square().mean()), *correlations(values.float(), axis))
    if output.grad_fn is not None:
        _follow(output, found)
    return found


def _follow(output: Tensor, found: Observed) -> None:
    node, place = output.grad_fn, output.output_nr

    def arrive(gradients: tuple[Tensor | None, ...]) -> None:
        gradient = gradients[place]
        if gradient is not None:
            with torch.no_grad():
                plain = torch.view_as_real(gradient) if gradient.is_complex() else gradient
                found.grad_second_moment = float(plain.square().mean())

    if node is not None:
        node.register_prehook(arrive)


def correlations(values: Tensor, axis: int) -> tuple[float | None, float | None]:
    """Return the correlation between samples at one place, and between places of one sample."""
    if values.dim() < 2 or values.numel() == 0:
        return None, None
    square = float(values.square().sum())
    if square == 0.0:
        return None, None
    samples = values.shape[0]
    across = _pairs(values.sum(0), square, samples)
    unit = axis % values.dim()
    places = [each for each in range(1, values.dim()) if each != unit]
    count = 1
    for each in places:
        count *= values.shape[each]
    along = _pairs(values.sum(places), square, count) if places else None
    return across, along


def _pairs(summed: Tensor, square: float, count: int) -> float | None:
    """Return sum over a != b of <x_a, x_b> / ((count - 1) sum |x_a|^2)."""
    if count < 2:
        return None
    return (float(summed.square().sum()) - square) / ((count - 1) * square)
