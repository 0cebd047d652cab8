"""Weights before and after a step, and at initialization: evenly spaced elements of each, never a full copy."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from initwise.errors import InitwiseError
from initwise.model import Parameter, Reading
from initwise.monitoring._numbers import quietly
from initwise.planning import Plan
from initwise.signals._moments import Sheet, real
from initwise.writing import drawn

_MOST = 2**14  # elements of a parameter that are looked at
_FACTORS = 2 * 3 * 5 * 7


def sample(tensor: Tensor) -> Tensor:
    """Return a copy of at most 16,384 evenly spaced elements, the same ones whatever the layout in memory."""
    values = real(tensor)
    step = -(-values.numel() // _MOST)
    while step > 1 and math.gcd(step, _FACTORS) > 1:  # in step with an axis, it would see one unit only
        step += 1
    if values.is_contiguous():
        part = values.reshape(-1)[:: max(step, 1)]
    else:
        places = torch.arange(0, values.numel(), max(step, 1), device=values.device)
        part = values[torch.unravel_index(places, values.shape)]
    return part.to(torch.float32, copy=True)


class Weights:
    """The trained parameters of a model, and samples of them.

    Attributes:
        trained: those that require gradients, by canonical name.
        replayed: how many were drawn again from the plan.
        as_planned: how many of those hold the plan's values now.
        as_found: those whose distance is from the weights as they were found, though there is a plan that draws them.
    """

    def __init__(self, reading: Reading, plan: Plan | None) -> None:
        self.trained = {each.name: each for each in reading.parameters if each.requires_grad and each.numel()}
        self.replayed = self.as_planned = 0
        self.as_found: list[str] = []
        self._initial = {name: self._first(parameter, plan) for name, parameter in self.trained.items()}
        self._before: dict[str, Tensor] = {}

    def before(self, names: Iterable[str]) -> None:
        """Keep what parameters are now."""
        for name in names:
            with quietly(self.trained[name].tensor):
                self._before[name] = sample(self.trained[name].tensor)

    def after(self, names: Iterable[str], sheet: Sheet) -> dict[str, dict[str, int]]:
        """Return places in the sheet of the numbers that say how far parameters went."""
        found: dict[str, dict[str, int]] = {}
        for name in names:
            before = self._before.pop(name, None)
            tensor = self.trained[name].tensor
            with quietly(tensor):
                now = sample(tensor)
                numbers = _distance(now, self._initial[name])
                if before is not None and before.shape == now.shape:
                    numbers |= _update(before, now)
            found[name] = {key: sheet.note(number) for key, number in numbers.items()}
        return found

    def _first(self, parameter: Parameter, plan: Plan | None) -> Tensor:
        """Return a sample of a parameter as it was initialized: drawn again, or else as it is now."""
        with quietly(parameter.tensor):
            now = sample(parameter.tensor)
            again = None if plan is None else _replayed(parameter, plan)
            if again is None:
                if plan is not None and not plan[parameter.name].kept:
                    self.as_found.append(parameter.name)
                return now
            self.replayed += 1
            self.as_planned += int(torch.equal(again, now))
            return again


def ratio(numbers: Mapping[str, float], over: str, below: str) -> float | None:
    """Return the quotient of two numbers; None where one is missing, the lower is zero or one is not finite."""
    if over not in numbers or not numbers.get(below):
        return None
    found = numbers[over] / numbers[below]
    return found if math.isfinite(found) else None


def _replayed(parameter: Parameter, plan: Plan) -> Tensor | None:
    row = plan[parameter.name]
    if row.kept or parameter.parametrized or hasattr(parameter.tensor, "to_local"):
        return None
    try:
        return sample(drawn(parameter, row, plan.seed)).to(parameter.device)
    except InitwiseError:  # a user's function that needs what is not there any more
        return None


def _update(before: Tensor, now: Tensor) -> dict[str, Tensor]:
    if not before.numel():
        return {}  # a shard of nothing
    norm = torch.linalg.vector_norm
    return {"update": norm(now - before), "before": norm(before), "rms": norm(before) / before.numel() ** 0.5}


def _distance(now: Tensor, first: Tensor) -> dict[str, Tensor]:
    if now.shape != first.shape or not now.numel():
        return {}
    norm = torch.linalg.vector_norm
    return {"moved": norm(now - first), "first": norm(first)}
