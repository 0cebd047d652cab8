"""Calibration steps by name: what the room `calibration` has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from torch import nn

from initwise.errors import NotSupportedError
from initwise.planning import Plan

# The words of a strategy, and the function of (model, batches, plan) that each means.
FUNCTIONS = {
    "lsuv": "lsuv",
    "weight-norm": "weight_norm_init",
    "actnorm": "actnorm_init",
    "within-channel": "within_channel",
    "metainit": "metainit",
    "gradinit": "gradinit",
}
STEPS = tuple(FUNCTIONS)


def step(name: str) -> Callable[[nn.Module, Sequence[Any], Plan], Plan]:
    """Return the step that looks at batches and gives a new plan.

    Raises:
        NotSupportedError: this version has no such step.
    """
    room: Any = import_module("initwise.calibration")
    found: Callable[[nn.Module, Sequence[Any], Plan], Plan] | None = getattr(room, FUNCTIONS[name], None)
    if found is None:
        raise NotSupportedError(f"step {name}: this version of initwise does not have it")
    return found
