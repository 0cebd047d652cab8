"""Before rules are asked: usage from a traced forward pass, where there are inputs for one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import nn

from initwise.errors import InitwiseError
from initwise.model import Example, Reading, TraceError, as_example, candidates, traced

_LIBRARIES = ("transformers.", "timm.", "torchvision.")


def with_usage(reading: Reading, inputs: Any, *, needed: bool) -> tuple[Reading, list[str]]:
    """Return the reading with what a forward pass shows, and what is wrong with the inputs.

    Inputs that were given are traced. Without them, inputs are built for models of libraries that are known, and for
    others only where a recipe decides by usage (`needed`). A model that meta cannot run is read by module types, and a
    note says so.
    """
    if inputs is not None:
        return _given(reading, inputs)
    if not needed and not _of_library(reading.model):
        return reading, []
    try:
        return traced(reading, _built(reading.model)), []
    except TraceError as error:
        said = f"usage read from module types: {error}" if needed else f"not traced: {error}"
        return replace(reading, notes=(said,)), []


def _given(reading: Reading, inputs: Any) -> tuple[Reading, list[str]]:
    try:
        example = as_example(inputs, reading.model)
    except InitwiseError as error:
        return reading, [str(error)]
    try:
        return traced(reading, [example], given=True), []
    except TraceError as error:
        if error.unfit:
            return reading, [f"inputs do not fit the model: {error}. Give inputs= that its forward takes"]
        return replace(reading, notes=(f"usage read from module types, since meta cannot run the model: {error}",)), []


def _built(model: nn.Module) -> list[Example]:
    try:
        return list(candidates(model))
    except Exception:  # noqa: BLE001 - a configuration may lack what building inputs asks it for
        return []


def _of_library(model: nn.Module) -> bool:
    inner = getattr(model, "_orig_mod", getattr(model, "module", model))
    return any(kind.__module__.startswith(_LIBRARIES) for kind in type(inner).__mro__)
