"""The loss of a model as a function of one scale for each of its tensors, differentiable as often as the model is."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from initwise._arguments import show
from initwise.calibration._calls import Call, Calls, as_calls
from initwise.calibration._derivatives import cut_off, named_in
from initwise.calibration._losses import Loss, loss_of
from initwise.calibration._rows import times
from initwise.calibration._scales import trained, with_scales
from initwise.errors import ArgumentError, ArgumentTypeError, InitwiseError
from initwise.model import read
from initwise.model.graph._state import _eager
from initwise.planning import Plan, Row, refuse_other_than_plan
from initwise.signals._example import fitted
from initwise.signals._modes import set_modes
from initwise.signals._pass import SEED, seeded
from initwise.signals._probe import _runnable
from initwise.signals._restored import restored
from initwise.writing import apply

Weights = Mapping[str, Tensor]
ADVICE = "start from smaller weights, as iw.plan(model, 'kaiming'), or take a smaller learning_rate"


@dataclass(frozen=True, eq=False)
class Landscape:
    """A model that holds a plan, and what it is called with.

    Attributes:
        base: all trained tensors by their first path, as the plan has them.
        paths: the first path of each path.
        scaled: the path of each parameter that has a scale, by its name in the plan, in the plan's order.
    """

    operation: str
    model: nn.Module
    plan: Plan
    calls: Calls
    loss: Loss | None
    base: Weights
    paths: Mapping[str, str]
    scaled: Mapping[str, str]
    notes: tuple[str, ...]

    def weights(self, scales: Tensor) -> dict[str, Tensor]:
        """Return all trained tensors, those with a scale multiplied by it; each can be differentiated by."""
        factor = dict(zip(self.scaled.values(), scales, strict=True))
        return {
            path: factor[path].to(base.device, base.dtype.to_real() if base.is_complex() else base.dtype) * base
            if path in factor
            else base.detach().requires_grad_()
            for path, base in self.base.items()
        }

    def loss_at(self, weights: Weights, call: Call, step: int, *, finite: bool = True) -> Tensor:
        """Return the loss with these weights.

        Raises:
            ArgumentError: the model raised, or the loss is no scalar, or not finite where it has to be.
        """
        args, kwargs = fitted(call.example, self.model)
        replaced = {path: weights[first] for path, first in self.paths.items()}
        with seeded(SEED):
            try:
                output = torch.func.functional_call(self.model, replaced, args, kwargs)
            except InitwiseError:
                raise
            except Exception as error:
                raise self.refuse(
                    f"forward raised {type(error).__name__} with {call.example.description}: {error}. Give batches "
                    "that the model takes"
                ) from error
            value = loss_of(self.operation, self.loss, output, call, step)
        if finite and not bool(torch.isfinite(value)):
            raise self.refuse(f"the loss is {float(value.detach())} at step {step}; {ADVICE}")
        return value

    def gradient(self, loss: Tensor, by: Sequence[Tensor], *, again: bool = False) -> list[Tensor]:
        """Return the gradient of a scalar, with zeros where it does not depend; `again`: it will be differentiated.

        Raises:
            ArgumentError: the model cannot be differentiated so often.
        """
        if not loss.requires_grad:
            return [torch.zeros_like(each) for each in by]
        try:
            found = torch.autograd.grad(
                loss, by, create_graph=again, retain_graph=True, allow_unused=True, materialize_grads=True
            )
        except RuntimeError as error:
            raise self._not_twice(named_in(error)) from error
        cut = cut_off(loss, found) if again else ""
        if cut:
            raise self._not_twice(cut)
        return list(found)

    def refuse(self, problem: str) -> ArgumentError:
        """Return an error that names the operation."""
        return ArgumentError(f"{self.operation}: {problem}")

    def _not_twice(self, why: str) -> ArgumentError:
        return self.refuse(
            f"the model cannot be differentiated twice, which this calibration needs: {why}. Put another operation in "
            "its place while you calibrate, or use iw.lsuv, which needs no gradients"
        )

    def finished(self, factors: Sequence[float], why: str) -> Plan:
        """Return the plan whose weights have their scales; those of weights that the loss does not move stay."""
        found = dict(zip(self.scaled, factors, strict=True))
        still = [name for name, factor in found.items() if factor == 1.0]
        notes = [f"{self.operation}: {name!r} is not scaled: nothing that is differentiated moves it" for name in still]
        rows = tuple(self._times(row, found.get(row.name, 1.0), why) for row in self.plan)
        return replace(self.plan, rows=rows, notes=tuple(dict.fromkeys((*self.plan.notes, *self.notes, *notes))))

    def _times(self, row: Row, factor: float, why: str) -> Row:
        return row if factor == 1.0 else times(row, factor, f"× {factor:.6g} by {self.operation}: {why}")


def found_by(
    operation: str,
    subject: tuple[Any, Any, Any],
    loss: Any,
    limit: int,
    admits: Callable[[Row], bool],
    search: Callable[[Landscape], tuple[Sequence[float], str]],
) -> Plan:
    """Return the plan that a search found for (model, batches, plan); the model holds it, and all else is as it was."""
    with _landscape(operation, subject, loss, limit, admits) as found:
        plan = found.finished(*search(found))
    apply(subject[0], plan)
    return plan


@contextmanager
def _landscape(
    operation: str, subject: tuple[Any, Any, Any], loss: Any, limit: int, admits: Callable[[Row], bool]
) -> Iterator[Landscape]:
    model, batches, plan = subject
    if not isinstance(model, nn.Module):
        raise ArgumentTypeError(
            f"{operation}: model is {show(model)} of type {type(model).__name__}; give an nn.Module"
        )
    if loss is not None and not callable(loss):
        raise ArgumentTypeError(f"{operation}: loss is {show(loss)}; give a function of the model's output, or None")
    refuse_other_than_plan(operation, plan)
    reading, runnable = read(model), _runnable(model)
    empty = next((each.name for each in reading.parameters if each.tensor.is_meta), None)
    if empty is not None:
        raise ArgumentError(
            f"{operation}: {empty!r} is on the meta device; give the model memory, to_empty(device=...)"
        )
    with restored(model), _twice():
        apply(model, plan)
        set_modes(runnable)
        calls = as_calls(operation, batches, runnable, limit)
        first, paths, base = trained(runnable)
        scaled, notes = with_scales(operation, plan, reading, first, admits)
        yield Landscape(operation, runnable, plan, calls, loss, base, paths, scaled, notes)


@contextmanager
def _twice() -> Iterator[None]:
    """Run with kernels that have second derivatives: no fused attention, no recurrences of cuDNN."""
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(torch.inference_mode(mode=False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(_eager())
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        yield
