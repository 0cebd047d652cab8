"""What never moves: passes repeated, the zeros that receive a gradient moved in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from initwise.model import Parameter, Reading
from initwise.shards import local
from initwise.writing import write_values

Gradients = Mapping[str, Tensor | None]
_ROUNDS = 6
_STEP = 1e-2


class Stillness(NamedTuple):
    """Parameters that never receive a gradient, and those of them that zeros among them keep from it."""

    still: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()


def stillness(reading: Reading, first: Gradients, again: Callable[[], Gradients]) -> Stillness:
    """Return what never moves. Weights are written; the caller puts them back.

    Where a gradient is exactly zero everywhere, the parameters that hold zeros and do receive one take a small step,
    and the pass runs again, until nothing new moves. Then the zeros that are left are drawn: what moves with them was
    blocked by them; what does not is still for another reason, such as an activation that is zero everywhere.
    """
    still = _still(first)
    gradients = first
    for _ in range(_ROUNDS):
        moving = [each for each in reading.parameters if _has_zeros(each) and _moves(gradients.get(each.name))]
        if not still or not moving:
            break
        for parameter in moving:
            _step(parameter, gradients[parameter.name])
        gradients = again()
        fewer = still & _still(gradients)
        if fewer == still:
            break
        still = fewer
    zeros = [
        each for each in reading.parameters if each.name in still and not bool(_local(each.tensor).count_nonzero())
    ]
    if not zeros:
        return Stillness(still)
    for place, parameter in enumerate(zeros):
        _draw(parameter, place)
    return Stillness(still, still - _still(again()))


def _still(gradients: Gradients) -> frozenset[str]:
    return frozenset(name for name, each in gradients.items() if each is not None and not _moves(each))


def _moves(gradient: Tensor | None) -> bool:
    return gradient is not None and bool(_local(gradient).count_nonzero())


def _has_zeros(parameter: Parameter) -> bool:
    """Tell whether a parameter is zero, or some of its rows are."""
    values = _local(parameter.tensor)
    if not values.numel():
        return False
    rows = values.reshape(values.shape[0], -1) if values.dim() else values.reshape(1, 1)
    return bool((rows == 0).all(dim=1).any())


def _step(parameter: Parameter, gradient: Tensor | None) -> None:
    values = _local(parameter.tensor)
    if gradient is not None and gradient.shape == parameter.tensor.shape:
        slope = _local(gradient)
        write_values(values, values - _STEP * slope / slope.abs().max())


def _draw(parameter: Parameter, place: int) -> None:
    values = _local(parameter.tensor)
    generator = torch.Generator(device="cpu").manual_seed(place)
    drawn = torch.randn(tuple(values.shape), generator=generator, device="cpu") * _STEP
    write_values(values, drawn.to(values.device))


def _local(tensor: Tensor) -> Tensor:
    """Return the values where they are: of a shard its local part, in the same memory."""
    return local(tensor).detach()
