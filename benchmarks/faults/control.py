"""What the controls are made with: a case without a fault, inputs, losses."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.faults.case import Case

SEED = 20
Module = TypeVar("Module", bound=nn.Module)


def control(
    name: str,
    build: Callable[[], nn.Module],
    *,
    source: str,
    about: str,
    inputs: Callable[[], Any] | None = None,
    loss: Callable[[Any], Any] | None = None,
) -> Case:
    """A case that is right as it stands; `about` says why a naive checker would flag it."""
    return Case(name, "CONTROL", source, about, partial(_seeded, build), inputs=inputs, loss=loss)


def _seeded(build: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(SEED)
    return build()


def noise(*shape: int) -> Callable[[], tuple[Tensor]]:
    """Inputs: one tensor of standard normal values, the same ones each time."""
    return lambda: (torch.randn(shape, generator=_generator(*shape)),)


def tokens(words: int, batch: int = 8, length: int = 24) -> Callable[[], tuple[Tensor]]:
    """Inputs: one tensor of token numbers, none of which is 0, the padding."""
    return lambda: (torch.randint(1, words, (batch, length), generator=_generator(words, batch)),)


def both(*makers: Callable[[], tuple[Tensor, ...]]) -> Callable[[], tuple[Tensor, ...]]:
    """Inputs: what these make, one argument after the other."""
    return lambda: tuple(value for make in makers for value in make())


def classes(output: Any) -> Tensor:
    """Cross entropy of logits, classes last, against random classes."""
    logits = first(output)
    targets = torch.randint(0, logits.shape[-1], logits.shape[:-1], generator=_generator(1))
    return functional.cross_entropy(logits.flatten(0, -2), targets.flatten())


def yes_or_no(output: Any) -> Tensor:
    """Binary cross entropy of logits, one in a hundred of the targets is 1."""
    logits = first(output)
    targets = (torch.rand(logits.shape, generator=_generator(1)) < 0.01).to(logits.dtype)
    return functional.binary_cross_entropy_with_logits(logits, targets)


def squares(output: Any) -> Tensor:
    """Mean squared distance from standard normal targets."""
    value = first(output)
    return functional.mse_loss(value.float(), torch.randn(value.shape, generator=_generator(1)))


def first(output: Any) -> Tensor:
    """The first tensor of a model's output."""
    while not isinstance(output, Tensor):
        output = output[0]
    return output


def _generator(*shape: int) -> torch.Generator:
    """Another stream than that of the weights, and one for each shape."""
    return torch.Generator().manual_seed(1000 + math.prod(shape))


def zeroed(layer: Module) -> Module:
    """The layer with every parameter zero."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def frozen(part: Module) -> Module:
    """The part with every parameter frozen."""
    for parameter in part.parameters():
        parameter.requires_grad = False
    return part
