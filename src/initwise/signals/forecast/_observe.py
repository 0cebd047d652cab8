"""What is seen of one sample: moments and correlations going forward, the gradient's second moment going back."""

from __future__ import annotations

import math
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
    found = moments(values if values.dtype == torch.float64 else values.float(), axis)
    if output.grad_fn is not None:
        _follow(output, found)
    return found


def moments(values: Tensor, axis: int) -> Observed:
    """Return the mean, E[x^2], and how samples and places are correlated, in three passes over the memory.

    The correlation of n vectors is sum over a != b of <x_a, x_b> / ((n - 1) sum |x_a|^2), and the sum over pairs is
    |sum x_a|^2 - sum |x_a|^2: no matrix of pairs is needed.
    """
    count = max(values.numel(), 1)
    square = _square(values)
    if values.dim() < 2 or square == 0.0:
        return Observed(float(values.mean()), square / count, None, None)
    over_samples = values.sum(0)
    places = [each for each in range(1, values.dim()) if each != axis % values.dim()]
    positions = math.prod(values.shape[each] for each in places)
    across = _correlation(over_samples, square, values.shape[0])
    along = _correlation(values.sum(places), square, positions) if places else None
    return Observed(float(over_samples.sum()) / count, square / count, across, along)


def _correlation(summed: Tensor, square: float, count: int) -> float | None:
    return (_square(summed) - square) / ((count - 1) * square) if count > 1 else None


def _square(values: Tensor) -> float:
    """Return the sum of squares, in double precision where single precision has no such number."""
    norm = float(torch.linalg.vector_norm(values))
    if (norm == 0.0 or math.isinf(norm)) and values.numel():
        norm = float(torch.linalg.vector_norm(values, dtype=torch.float64))
    return norm**2


def _follow(output: Tensor, found: Observed) -> None:
    node, place = output.grad_fn, output.output_nr

    def arrive(gradients: tuple[Tensor | None, ...]) -> None:
        gradient = gradients[place]
        if gradient is not None:
            with torch.no_grad():
                plain = torch.view_as_real(gradient) if gradient.is_complex() else gradient
                found.grad_second_moment = _square(plain) / max(plain.numel(), 1)

    if node is not None:
        node.register_prehook(arrive)
