"""The optimizer's step: gradients as it takes them, weights before and after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from initwise.monitoring import _numbers
from initwise.monitoring._frame import ParameterRow
from initwise.monitoring._numbers import quietly
from initwise.monitoring._weights import Weights, ratio
from initwise.signals._moments import Sheet


class Steps:
    """Hooks on optimizers for one step: on those given, or, where none is, on all that hold the model's parameters."""

    def __init__(self, weights: Weights, optimizers: Sequence[Optimizer], sheet: Sheet) -> None:
        self._weights, self._optimizers, self._sheet = weights, optimizers, sheet
        self._names = {id(tensor): name for name, each in weights.trained.items() for tensor in each.tensors}
        self._handles: list[Any] = []
        self._places: dict[str, dict[str, int]] = {name: {} for name in weights.trained}
        self._without: set[str] = set()
        self._stepped: set[str] = set()
        self.rate: float | None = None

    @property
    def stepped(self) -> bool:
        """Whether an optimizer took a step with parameters of the model."""
        return bool(self._stepped)

    @property
    def has_gradients(self) -> bool:
        """Whether a gradient was there."""
        return any("grad_peak" in places for places in self._places.values())

    def attach(self) -> None:
        """Hook the optimizers; where none was given, keep the weights as they are now."""
        if self._optimizers:
            for optimizer in self._optimizers:
                self._handles.append(optimizer.register_step_pre_hook(self._before))
                self._handles.append(optimizer.register_step_post_hook(self._after))
        else:
            self._weights.before(self._places)  # who steps may be no optimizer of torch's
            self._handles.append(register_optimizer_step_pre_hook(self._before))
            self._handles.append(register_optimizer_step_post_hook(self._after))

    def detach(self) -> None:
        """Remove the hooks."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def close(self) -> None:
        """The step is over: look at the gradients that are there, where no optimizer took any."""
        rest = [name for name in self._places if name not in self._stepped]
        if not self._stepped:
            self._gradients(rest)
        self._note(self._weights.after(rest, self._sheet))

    def rows(self, numbers: list[Any], scale: float) -> tuple[ParameterRow, ...]:
        """Return a row for each trained parameter. Without a step, gradients are divided by the scale of the loss."""
        return tuple(self._row(name, places, numbers, scale) for name, places in self._places.items())

    def _row(self, name: str, places: dict[str, int], numbers: list[Any], scale: float) -> ParameterRow:
        found = {key: numbers[place] for key, place in places.items()}
        moved: dict[str, float] = {
            key: found.pop(key) for key in ("update", "before", "moved", "first") if key in found
        }
        divisor = found.pop("scale", 1.0 if self._stepped else scale)
        still = name not in self._stepped and not moved.get("update")
        why = "no gradient arrived" if name in self._without else "no step was taken" if still else ""
        return ParameterRow(
            name,
            update_ratio=ratio(moved, "update", "before"),
            distance=ratio(moved, "moved", "first"),
            why=why,
            **_numbers.read(found, divisor),
        )

    def _before(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        names = self._held(optimizer)
        if not names:
            return
        self.rate = float(optimizer.param_groups[0]["lr"]) if self.rate is None else self.rate
        self._gradients(names, getattr(optimizer, "grad_scale", None))
        self._weights.before(names)

    def _after(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        names = self._held(optimizer)
        self._note(self._weights.after(names, self._sheet))
        self._stepped.update(names)

    def _held(self, optimizer: Optimizer) -> list[str]:
        tensors = (each for group in optimizer.param_groups for each in group["params"])
        return list(dict.fromkeys(self._names[id(each)] for each in tensors if id(each) in self._names))

    def _gradients(self, names: Iterable[str], scale: Any = None) -> None:
        for name in names:
            gradient = self._weights.trained[name].tensor.grad
            if gradient is None:
                self._without.add(name)
                continue
            with quietly(gradient):
                numbers = _numbers.of_weight_gradient(gradient)
            if isinstance(scale, Tensor):  # a fused optimizer divides by it within its step
                numbers["scale"] = scale.detach().to(torch.float32)
            self._note({name: {key: self._sheet.note(number) for key, number in numbers.items()}})

    def _note(self, found: dict[str, dict[str, int]]) -> None:
        for name, places in found.items():
            self._places[name].update(places)


def rates(optimizers: Iterable[Optimizer]) -> list[float]:
    """Return the learning rates of all groups."""
    return [float(group["lr"]) for each in optimizers for group in each.param_groups if "lr" in group]
