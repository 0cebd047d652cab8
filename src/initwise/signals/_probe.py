"""`probe`: one real forward and backward pass of a model, measured; everything is put back afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from initwise.errors import ArgumentError
from initwise.model import Example, Reading
from initwise.signals._entropy import CrossEntropy
from initwise.signals._errors import ProbeError
from initwise.signals._event import Event
from initwise.signals._modes import set_modes
from initwise.signals._pass import Pass, run
from initwise.signals._restored import restored
from initwise.signals._still import Stillness, stillness


@dataclass(frozen=True, eq=False)
class Probe:
    """One measured pass.

    Attributes:
        gradients: the gradient of each parameter at the first step, by canonical name; None where none arrived.
        events: the operations that take the signal, in the order of execution.
        outputs: the events that made the model's outputs.
        touched: the canonical names of the parameters that took part in the forward pass.
        still: the parameters that never move: their gradient is exactly zero at the first step, and stays so after
            the zeros that do receive one have moved.
        blocked: those of `still` that would move if no parameter among them were zero: the zeros are to blame.
        loss: the value of the loss; None where the pass went backward from a projection of the outputs.
        entropies: the cross entropies in the model or the loss.
    """

    gradients: Mapping[str, Tensor | None] = field(repr=False)
    events: tuple[Event, ...] = field(default=(), repr=False)
    outputs: tuple[int, ...] = ()
    touched: frozenset[str] = field(default=frozenset(), repr=False)
    still: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()
    loss: float | None = None
    entropies: tuple[CrossEntropy, ...] = ()


def probe(reading: Reading, example: Example, loss: Callable[[Any], Any] | None = None) -> Probe:
    """Run the model that was read, forward and backward, and measure what happens; nothing of it stays.

    The model runs where it is, with its own weights: batch norms with the batch's statistics, everything else in
    evaluation mode. Without a loss, and where the model's output has none, the backward pass starts from a fixed
    random projection of all outputs. Repeated passes find what never moves, where some gradient is exactly zero.

    Args:
        reading: the model, as `initwise.model.read` reads it.
        example: what its forward takes.
        loss: takes the model's output and returns a scalar tensor.

    Raises:
        ArgumentError: the model is on meta, an input holds NaN, or the loss is no scalar that depends on the model.
        ProbeError: the model or the loss raised; its cause is their own error.
    """
    _check_memory(reading)
    model = _runnable(reading.model)
    with restored(reading.model), torch.inference_mode(mode=False), torch.enable_grad():
        first = attempted(model, lambda: run(model, reading, example, loss, record=True))
        moved = _stillness(model, reading, example, loss, first)
    return Probe(
        first.gradients,
        first.events,
        first.outputs,
        first.touched,
        moved.still,
        moved.blocked,
        first.loss,
        first.entropies,
    )


def attempted(model: nn.Module, go: Callable[[], Pass]) -> Pass:
    """Run a pass in evaluation mode; where that raises, in training mode, which some models ask for."""
    set_modes(model)
    try:
        return go()
    except ProbeError as error:
        set_modes(model, training=True)
        try:
            return go()
        except ProbeError:
            raise error from error.__cause__


def _stillness(
    model: nn.Module, reading: Reading, example: Example, loss: Callable[[Any], Any] | None, first: Pass
) -> Stillness:
    return stillness(reading, first.gradients, lambda: run(model, reading, example, loss, record=False).gradients)


def _check_memory(reading: Reading) -> None:
    empty = [each.name for each in reading.parameters if each.tensor.is_meta]
    if empty:
        raise ArgumentError(
            f"probe: {empty[0]!r}{f' and {len(empty) - 1} more parameters are' if len(empty) > 1 else ' is'} on the"
            " meta device, without values to measure; materialize the model first"
        )


def _runnable(model: nn.Module) -> nn.Module:
    """Take wrappers that compile or replicate off a model; wrappers that gather shards must run themselves."""
    while True:
        inner = vars(model).get("_modules", {})
        if "_orig_mod" in inner:
            model = inner["_orig_mod"]
        elif isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            model = model.module
        else:
            return model
