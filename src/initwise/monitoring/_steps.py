"""The optimizer's step: gradients as it takes them, weights before and after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from initwise.monitoring import _numbers
from initwise.monitoring._checks import held_by
from initwise.monitoring._frame import ParameterRow
from initwise.monitoring._numbers import quietly
from initwise.monitoring._weights import Weights, ratio
from initwise.signals._moments import Sheet, real


class Steps:
    """Hooks on optimizers for one step: on those given, or, where none is, on all that hold the model's parameters.

    Attributes:
        rate: the learning rate of the first group of the first optimizer that stepped; None where it has none.
        closures: an optimizer took a closure, and called for gradients itself.
    """

    def __init__(self, weights: Weights, optimizers: Sequence[Optimizer], sheet: Sheet) -> None:
        self._weights, self._optimizers, self._sheet = weights, optimizers, sheet
        self._names = {id(tensor): name for name, each in weights.trained.items() for tensor in each.tensors}
        self._handles: list[Any] = []
        self._places: dict[str, dict[str, int]] = {name: {} for name in weights.trained}
        self._without: set[str] = set()
        self._stepped: set[str] = set()
        self._rates: dict[str, float] = {}
        self._overflows: list[int] = []
        self.rate: float | None = None
        self.closures = False

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

    def skipped(self, numbers: list[Any], *, shrunk: bool) -> bool:
        """Tell whether a gradient scaler kept the optimizer from moving anything; `shrunk`: its scale became smaller.

        Most optimizers are not called then; fused ones are, and find the overflow themselves. Without a scaler that is
        known, gradients that are not finite and weights that did not move tell of one.
        """
        if self._stepped:
            return any(numbers[place] for place in self._overflows)
        moved = any(numbers[places["update"]] for places in self._places.values() if "update" in places)
        lost = any(
            numbers[place]
            for places in self._places.values()
            for name, place in places.items()
            if name in ("grad_nan", "grad_infinite")
        )
        return not moved and (shrunk or lost)

    def rows(self, numbers: list[Any], scale: float) -> tuple[ParameterRow, ...]:
        """Return a row for each trained parameter. Where nobody unscaled gradients, they are divided by the scale."""
        return tuple(self._row(name, places, numbers, scale) for name, places in self._places.items())

    def _row(self, name: str, places: dict[str, int], numbers: list[Any], scale: float) -> ParameterRow:
        found = {key: numbers[place] for key, place in places.items()}
        moved: dict[str, float] = {
            key: found.pop(key) for key in ("update", "before", "moved", "first") if key in found
        }
        divisor = found.pop("scale", 1.0 if self._stepped else scale)
        rate = self._rates.get(name)
        return ParameterRow(
            name,
            update_ratio=ratio(moved, "update", "before"),
            distance=ratio(moved, "moved", "first"),
            rate=rate,
            why=self._why(name, rate, still=name not in self._stepped and not moved.get("update")),
            **_numbers.read(found, divisor),
        )

    def _why(self, name: str, rate: float | None, *, still: bool) -> str:
        """Say why there is no gradient or no update."""
        if name in self._without:
            return "no gradient arrived"
        return "no step was taken" if still else "the learning rate of its group is 0" if rate == 0.0 else ""

    def _before(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        names = self._held(optimizer)
        if not names:
            return
        self._remember_rates(optimizer)
        overflow = getattr(optimizer, "found_inf", None)
        if isinstance(overflow, Tensor):
            self._overflows.append(self._sheet.note(overflow.detach().clone()))
        if not _closure(args, kwargs):
            self._gradients(names, getattr(optimizer, "grad_scale", None))
        self._weights.before(names)

    def _after(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        names = self._held(optimizer)
        if names and _closure(args, kwargs):  # which computed the gradients within the step
            self.closures = True
            self._gradients(names)
        self._note(self._weights.after(names, self._sheet))
        self._stepped.update(names)

    def _remember_rates(self, optimizer: Optimizer) -> None:
        for group in optimizer.param_groups:
            rate = group.get("lr")  # Adafactor finds its own, and says None
            if rate is None:
                continue
            if group is optimizer.param_groups[0] and self.rate is None:
                self.rate = float(rate)
            ours = (self._names[id(each)] for each in group["params"] if id(each) in self._names)
            self._rates.update(dict.fromkeys(ours, float(rate)))

    def _held(self, optimizer: Optimizer) -> list[str]:
        return list(dict.fromkeys(self._names[id(each)] for each in held_by(optimizer) if id(each) in self._names))

    def _gradients(self, names: Iterable[str], scale: Any = None) -> None:
        for name in names:
            gradient = self._weights.trained[name].tensor.grad
            if gradient is None:
                self._without.add(name)
                continue
            self._without.discard(name)
            if _size(gradient) == 0:
                continue  # this process holds no part of it
            with quietly(gradient):
                numbers = _numbers.of_weight_gradient(gradient)
            if isinstance(scale, Tensor):  # a fused optimizer divides by it within its step
                numbers["scale"] = scale.detach().to(torch.float32)
            self._note({name: {key: self._sheet.note(number) for key, number in numbers.items()}})

    def _note(self, found: dict[str, dict[str, int]]) -> None:
        for name, places in found.items():
            self._places[name].update(places)


def _closure(args: Any, kwargs: Any) -> bool:
    """Tell whether `optimizer.step` was called with a function that computes the loss."""
    return any(callable(each) for each in (*args, kwargs.get("closure")))


def _size(gradient: Tensor) -> int:
    return gradient.coalesce().values().numel() if gradient.is_sparse else real(gradient).numel()
