"""Models to predict, and what many real seeds of them show."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

import initwise as iw
from initwise.model import as_example, read
from initwise.signals._modes import set_modes
from initwise.signals._pass import run


def chain(width: int, depth: int, activation: Callable[[], nn.Module], out: int = 10) -> nn.Sequential:
    """Linear layers of one width with an activation after each, and a head."""
    layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), activation())]
    return nn.Sequential(*layers, nn.Linear(width, out))


def seen(
    model: nn.Module, plan: iw.Plan, inputs: Any, loss: Callable[[Any], Tensor], seeds: int = 16
) -> tuple[dict[tuple[str, str, int, int], tuple[float, float]], dict[str, float]]:
    """Mean second moments of outputs and their gradients over real seeds, and of parameters' gradients."""
    outputs: dict[tuple[str, str, int, int], list[tuple[float, float]]] = {}
    gradients: dict[str, list[float]] = {}
    for seed in range(seeds):
        iw.apply(model, replace(plan, seed=seed))
        set_modes(model)
        with torch.enable_grad():
            made = run(model, read(model), as_example(inputs, model), loss, record=True)
        counts: dict[tuple[str, str, int], int] = {}
        for event in made.events:
            key = (event.module, event.operation, event.call)
            counts[key] = counts.get(key, -1) + 1
            pair = (event.second_moment, event.grad_second_moment or 0.0)
            outputs.setdefault((*key, counts[key]), []).append(pair)
        for name, gradient in made.gradients.items():
            if gradient is not None:
                gradients.setdefault(name, []).append(float(gradient.square().mean()))
    means = {key: (_mean([a for a, _ in pairs]), _mean([b for _, b in pairs])) for key, pairs in outputs.items()}
    return means, {name: _mean(values) for name, values in gradients.items()}


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)
