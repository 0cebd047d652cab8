"""Calibration steps by name: what the room `calibration` has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from initwise.errors import NotSupportedError

STEPS = ("lsuv", "metainit", "gradinit")


def step(name: str) -> Callable[[Any, Any, Any, Any], Any]:
    """Return the step as a function of (model, batches, plan, loss).

    Raises:
        NotSupportedError: this version has no such step.
    """
    from importlib import import_module

    try:
        found = getattr(import_module("initwise.calibration"), name)
    except (ModuleNotFoundError, AttributeError):
        raise NotSupportedError(f"step {name}: this version of initwise does not have it") from None
    if name == "lsuv":  # the only one without gradients
        return lambda model, batches, plan, loss: found(model, batches, plan)
    return lambda model, batches, plan, loss: found(model, batches, plan, loss=loss)
