"""What a model may be called with, found from its library or its first layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from initwise.model.inputs._example import Example
from initwise.model.inputs._plain import plain_candidates
from initwise.model.inputs._transformers import transformers_candidates
from initwise.model.inputs._vision import timm_candidates, torchvision_candidates

LIBRARIES: dict[str, tuple[str, Callable[[Any], Iterator[Example]]]] = {
    "transformers.": ("config", transformers_candidates),
    "timm.": ("pretrained_cfg", timm_candidates),
    "torchvision.models.": ("forward", torchvision_candidates),
}
"""Prefix of the modules of a library's classes -> what its whole models have and their parts lack, and what builds."""


def candidates(model: nn.Module) -> Iterator[Example]:
    """Yield inputs that may fit `model`, the likeliest first; nothing where there is no idea of what it takes.

    A model of transformers, timm or torchvision (or of a subclass) gets what its configuration asks for, another one
    what its first layer takes. Nothing is run here: the caller tries one after the other.
    """
    model = _inner(model)
    for prefix, (attribute, build) in LIBRARIES.items():
        if any(kind.__module__.startswith(prefix) for kind in type(model).__mro__) and hasattr(model, attribute):
            yield from build(model)
            return
    yield from plain_candidates(model)


def _inner(model: nn.Module) -> nn.Module:
    """The model within wrappers, whose forward takes what that of the wrapper takes."""
    while isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)) or "_orig_mod" in model._modules:
        name = "_orig_mod" if "_orig_mod" in model._modules else "module"
        inner = model._modules[name]
        if inner is None:
            return model
        model = inner
    return model


def example_inputs(model: nn.Module) -> Example | None:
    """Return the likeliest of the `candidates`, or None.

    >>> example_inputs(nn.Sequential(nn.Linear(3, 4), nn.ReLU())).description
    '2x3 float32'
    """
    return next(candidates(model), None)
