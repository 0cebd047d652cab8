"""The batches that a calibration looks at, as calls of the model."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from initwise._arguments import show
from initwise.calibration._together import Together
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.model import Example, as_example
from initwise.model.graph._structures import tensors


@dataclass(frozen=True, eq=False)
class Batches:
    """Calls of the model, in the order in which they were given.

    Attributes:
        words: the batches of all processes in words.
    """

    examples: tuple[Example, ...]
    words: str


def samples(example: Example) -> int:
    """Return the number of samples of a call, by the first axis of its first tensor; 0 where it has none."""
    first = next(iter(tensors((example.args, example.kwargs))), None)
    return first.shape[0] if first is not None and first.dim() else 0


def as_batches(peers: Together, given: Any, model: nn.Module, limit: int) -> Batches:
    """Return the batches that were given: one as for `plan(inputs=)`, or a list, a loader, any iterable of them.

    Of what a loader gives, positional elements that the model's forward does not take (labels) are left out.

    Raises:
        ArgumentError: there is none, or one holds NaN or infinities.
        ArgumentTypeError: these are no batches.
    """
    operation = peers.operation
    single = isinstance(given, Tensor | Mapping | tuple | str | Example)
    if not single and not isinstance(given, Iterable):
        raise ArgumentTypeError(
            f"{operation}: batches is {show(given)} of type {type(given).__name__}; give one batch (a tensor, a tuple "
            "of arguments, a mapping), or a list or loader of batches"
        )
    listed = [given] if single else list(islice(given, limit))
    if not listed:
        raise ArgumentError(f"{operation}: batches is empty; give at least one batch")
    examples = tuple(_fitting(as_example(each, model), model) for each in listed)
    for place, example in enumerate(examples):
        for tensor in tensors((example.args, example.kwargs)):
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise ArgumentError(f"{operation}: batch {place} holds NaN or infinities; give batches without")
    return Batches(examples, _words(peers, examples, model))


def _words(peers: Together, examples: tuple[Example, ...], model: nn.Module) -> str:
    held = peers.told("the batches", (sum(map(samples, examples)), len(examples)))
    synchronized = next((name for name, each in model.named_modules() if isinstance(each, nn.SyncBatchNorm)), None)
    if synchronized is not None and len({batches for _, batches in held}) > 1:
        counts = ", ".join(str(batches) for _, batches in held)
        raise ArgumentError(
            f"{peers.operation}: the processes have {counts} batches, and {synchronized!r} waits for a batch of each "
            "of them in every pass; give all processes equally many"
        )
    count = sum(batches for _, batches in held)
    where = f" of {peers.world} processes" if not peers.alone else ""
    return f"{sum(number for number, _ in held):,} samples in {count} batch{'' if count == 1 else 'es'}{where}"


def _fitting(example: Example, model: nn.Module) -> Example:
    """Return the call without the positional arguments at its end that forward does not take."""
    try:
        signature = inspect.signature(model.forward)
    except (TypeError, ValueError):
        return example
    for count in range(len(example.args), 0, -1):
        try:
            signature.bind(*example.args[:count], **example.kwargs)
        except TypeError:
            continue
        return Example(example.args[:count], example.kwargs)
    return example
