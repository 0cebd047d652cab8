"""What the tests of the measured pass share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from initwise.model import as_example, read
from initwise.signals import Probe, probe


def probed(model: nn.Module, inputs: Any, loss: Callable[[Any], Any] | None = None) -> Probe:
    """The measured pass of a model, as `check` asks for it."""
    return probe(read(model), as_example(inputs, model), loss)
