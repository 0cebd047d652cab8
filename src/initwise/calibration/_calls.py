"""What each step of a descent calls a model with: batches in turn, or noise that is new at each step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from initwise._arguments import show
from initwise.calibration._batches import _fitting, samples
from initwise.calibration._together import Together
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.model import Example, as_example, candidates
from initwise.model.graph._structures import mapped, tensors
from initwise.signals._example import fitted

SAMPLES = 32  # of noise, where the model takes one tensor and so any number of samples


@dataclass(frozen=True, eq=False)
class Call:
    """One call of the model, and what the loss takes beside its output."""

    example: Example
    targets: tuple[Any, ...] = ()

    @property
    def weight(self) -> int:
        """The number of its samples, by which its loss counts among those of other processes."""
        return samples(self.example) or 1


@dataclass(frozen=True, eq=False)
class Calls:
    """The calls of all steps.

    Attributes:
        given: the batches that were given; of noise one call that has its form.
        noise: floating inputs are drawn anew at each step, the same in all processes.
        words: what the calls of all processes are, in words.
    """

    given: tuple[Call, ...]
    noise: bool = False
    words: str = "noise"

    def at(self, step: int) -> Call:
        """Return the call of a step."""
        call = self.given[step % len(self.given)]
        if not self.noise:
            return call
        generator = torch.Generator(device="cpu").manual_seed(step)

        def drawn(old: Tensor) -> Tensor:
            floats = old.is_floating_point() or old.is_complex()
            return torch.randn(old.shape, generator=generator, dtype=old.dtype, device="cpu") if floats else old

        example = call.example
        made = replace(example, args=mapped(example.args, drawn), kwargs=mapped(example.kwargs, drawn))
        return replace(call, example=made)

    def after(self, step: int) -> Call:
        """Return the call that judges a step: half of the samples are its own, and half those of the next one."""
        return _halves(self.at(step), self.at(step + 1))


def as_calls(peers: Together, given: Any, model: nn.Module, limit: int) -> Calls:
    """Return the calls for batches: one, a list or loader of them; for None noise, in the form that the model takes.

    Positional elements that the model's forward does not take are for the loss.

    Raises:
        ArgumentError: there is none, one holds NaN or infinities, or nothing is known of what the model takes.
        ArgumentTypeError: these are no batches.
    """
    operation = peers.operation
    if given is None:
        return Calls((Call(_widened(_built(operation, model))),), noise=True)
    single = isinstance(given, Tensor | Mapping | tuple | str | Example)
    if not single and not isinstance(given, Iterable):
        raise ArgumentTypeError(
            f"{operation}: batches is {show(given)} of type {type(given).__name__}; give one batch (a tensor, a tuple "
            "of arguments, a mapping), a list or loader of batches, or None for noise"
        )
    found = [_split(each, model) for each in ([given] if single else islice(given, limit))]
    if not found:
        raise ArgumentError(f"{operation}: batches is empty; give at least one batch, or None for noise")
    for place, call in enumerate(found):
        for tensor in tensors((call.example.args, call.example.kwargs, call.targets)):
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise ArgumentError(f"{operation}: batch {place} holds NaN or infinities; give batches without")
    return Calls(tuple(found), words=_words(sum(peers.told("the batches", len(found))), peers))


def _words(count: int, peers: Together) -> str:
    where = f" of {peers.world} processes" if not peers.alone else ""
    return f"{count} batch{'' if count == 1 else 'es'}{where}"


def _split(given: Any, model: nn.Module) -> Call:
    whole = as_example(given, model)
    taken = _fitting(whole, model)
    return Call(taken, whole.args[len(taken.args) :])


def _built(operation: str, model: nn.Module) -> Example:
    """Return the first of the inputs built for a model that it runs with."""
    for example in candidates(model):
        try:
            args, kwargs = fitted(example, model)
            with torch.no_grad():
                model(*args, **kwargs)
        except Exception:  # noqa: BLE001, S112 - any error of a model says that it takes something else
            continue
        return example
    raise ArgumentError(
        f"{operation}: batches is None, and nothing is known of what {type(model).__name__} takes; give a batch, such "
        "as torch.randn(32, 3, 32, 32)"
    )


def _widened(example: Example) -> Example:
    """Return the example with more samples, where it is one floating tensor."""
    if example.kwargs or len(example.args) != 1 or not isinstance(example.args[0], Tensor):
        return example
    only = example.args[0]
    if not only.is_floating_point() or only.dim() < 2:
        return example
    return Example((torch.zeros(SAMPLES, *only.shape[1:], dtype=only.dtype, device="cpu"),))


def _halves(one: Call, other: Call) -> Call:
    """Return a call with the first half of one's samples and the second of the other's, where they have one form."""
    first = list(tensors((one.example.args, one.example.kwargs, one.targets)))
    second = list(tensors((other.example.args, other.example.kwargs, other.targets)))
    if [each.shape for each in first] != [each.shape for each in second] or any(not each.dim() for each in first):
        return other
    partner = {id(old): new for old, new in zip(first, second, strict=True)}

    def joined(old: Tensor) -> Tensor:
        half = old.shape[0] // 2
        return torch.cat([old[:half], partner[id(old)][half:]])

    example = replace(one.example, args=mapped(one.example.args, joined), kwargs=mapped(one.example.kwargs, joined))
    return Call(example, mapped(one.targets, joined))
