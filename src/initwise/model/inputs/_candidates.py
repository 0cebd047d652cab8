"""What a model may be called with, found from its library or its first layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from initwise.model.inputs._example import Example
from initwise.model.inputs._plain import plain_candidates
from initwise.model.inputs._transformers import transformers_candidates
from initwise.model.inputs._vision import timm_candidates, torchvision_candidates

LIBRARIES: dict[str, Callable[[Any], Iterator[Example]]] = {
    "transformers.models.": transformers_candidates,
    "timm.models.": timm_candidates,
    "torchvision.models.": torchvision_candidates,
}


def candidates(model: nn.Module) -> Iterator[Example]:
    """Yield inputs that may fit `model`, the likeliest first; nothing where there is no idea of what it takes.

    A model of transformers, timm or torchvision (or of a subclass) gets what its configuration asks for, another one
    what its first layer takes. Nothing is run here: the caller tries one after the other.
    """
    for prefix, build in LIBRARIES.items():
        if any(kind.__module__.startswith(prefix) for kind in type(model).__mro__):
            yield from build(model)
            return
    yield from plain_candidates(model)


def example_inputs(model: nn.Module) -> Example | None:
    """Return the likeliest of the `candidates`, or None.

    >>> example_inputs(nn.Sequential(nn.Linear(3, 4), nn.ReLU())).description
    '2x3 float32'
    """
    return next(candidates(model), None)
