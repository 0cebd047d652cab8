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
from initwise.calibration._subject import agreed, checked
from initwise.calibration._together import Together, together
from initwise.errors import ArgumentError, ArgumentTypeError, InitwiseError
from initwise.model.graph._state import _eager
from initwise.planning import Plan, Row
from initwise.signals._example import fitted
from initwise.signals._modes import set_modes
from initwise.signals._pass import SEED, seeded
from initwise.signals._restored import restored
from initwise.writing import apply

Weights = Mapping[str, Tensor]
ADVICE = "start from smaller weights, as iw.plan(model, 'kaiming'), or take a smaller learning_rate"


@dataclass(frozen=True, eq=False)
class Landscape:
    """A model that holds a plan, and what it is called with.

    The loss is the mean over the samples of all processes. Each process has its part of it, and of what is linear in
    it: gradients, and products with their derivatives. `total` makes the whole of the parts.

    Attributes:
        peers: the processes that do this together.
        base: all trained tensors by their first path, as the plan has them.
        paths: the first path of each path.
        scaled: the path of each parameter that has a scale, by its name in the plan, in the plan's order.
    """

    peers: Together
    model: nn.Module
    plan: Plan
    calls: Calls
    loss: Loss | None
    base: Weights
    paths: Mapping[str, str]
    scaled: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def operation(self) -> str:
        """The name of the calibration."""
        return self.peers.operation

    def weights(self, scales: Tensor) -> dict[str, Tensor]:
        """Return all trained tensors, those with a scale multiplied by it; each can be differentiated by."""
        factor = dict(zip(self.scaled.values(), scales, strict=True))
        return {
            path: factor[path].to(base.device, base.dtype.to_real() if base.is_complex() else base.dtype) * base
            if path in factor
            else base.detach().requires_grad_()
            for path, base in self.base.items()
        }

    def part(self, weights: Weights, call: Call, step: int, *, finite: bool = True) -> Tensor:
        """Return this process's part of the loss with these weights: its own, by its share of the samples.

        Raises:
            ArgumentError: the model raised, or the loss is no scalar, or not finite where it has to be.
        """
        value = self._loss(weights, call, step)
        if finite and not bool(torch.isfinite(value)):
            raise self.refuse(f"the loss is {float(value.detach())} at step {step}; {ADVICE}")
        counts = self.peers.told(f"the loss at step {step}", call.weight)
        return value if self.peers.alone else value * (call.weight / sum(counts))

    def total(self, what: str, parts: Sequence[Tensor]) -> list[Tensor]:
        """Return the sums of the parts of all processes, without the graph that made them."""
        return self.peers.summed(what, parts)

    def _loss(self, weights: Weights, call: Call, step: int) -> Tensor:
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
            draw = step if self.calls.noise else step * self.peers.world + self.peers.rank  # of labels, where none are
            return loss_of(self.operation, self.loss, output, call, draw)

    def gradient(
        self,
        outputs: Sequence[Tensor],
        by: Sequence[Tensor],
        along: Sequence[Tensor] | None = None,
        *,
        again: bool = False,
    ) -> list[Tensor]:
        """Return the gradient of a scalar, or of the product of outputs `along` others; `again`: it is differentiated.

        It is zero where nothing depends.

        Raises:
            ArgumentError: the model cannot be differentiated so often.
        """
        pairs = zip(outputs, along or map(torch.ones_like, outputs), strict=True)
        depending = [(output, factor) for output, factor in pairs if output.requires_grad]
        if not depending:
            return [torch.zeros_like(each) for each in by]
        made = [output for output, _ in depending]
        try:
            found = torch.autograd.grad(
                made,
                by,
                [factor for _, factor in depending],
                create_graph=again,
                retain_graph=True,
                allow_unused=True,
                materialize_grads=True,
            )
        except RuntimeError as error:
            raise self._not_twice(named_in(error)) from error
        cut = cut_off(made, found) if again else ""
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
    admits: Callable[[Row], bool],
    search: Callable[[Landscape], tuple[Sequence[float], str]],
    check: Callable[[], Mapping[str, Any]],
) -> Plan:
    """Return the plan that a search found for (model, batches, plan); the model holds it, and all else is as it was.

    Args:
        check: checks the arguments of the call, and returns those in which processes must agree, and `limit`.
    """
    with together(operation) as peers:
        asked = dict(check())
        with _landscape(peers, subject, loss, asked.pop("limit"), asked, admits) as found:
            plan = found.finished(*search(found))
            peers.ended(plan.digest())
    apply(subject[0], plan, agree=False)
    return plan


@contextmanager
def _landscape(
    peers: Together,
    subject: tuple[Any, Any, Any],
    loss: Any,
    limit: int,
    asked: Mapping[str, Any],
    admits: Callable[[Row], bool],
) -> Iterator[Landscape]:
    model, batches, plan = subject
    if loss is not None and not callable(loss):
        raise ArgumentTypeError(
            f"{peers.operation}: loss is {show(loss)}; give a function of the model's output, or None"
        )
    reading, runnable = checked(peers.operation, model, plan)
    with restored(model), _twice():
        apply(model, plan, agree=False)
        agreed(peers, model, plan, {**asked, "noise": batches is None})
        set_modes(runnable)
        calls = as_calls(peers, batches, runnable, limit)
        first, paths, base = trained(runnable)
        scaled, notes = with_scales(peers.operation, plan, reading, first, admits)
        yield Landscape(peers, runnable, plan, calls, loss, base, paths, scaled, notes)


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
