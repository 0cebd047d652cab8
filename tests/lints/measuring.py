"""What the tests of lints on a measured pass share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from initwise.findings import Finding
from initwise.lints._subject import Subject
from initwise.lints.measured import MEASURED
from initwise.model import as_example, read
from initwise.planning._usage import with_usage
from initwise.signals import probe


def measured(model: nn.Module, inputs: Any, loss: Callable[[Any], Any] | None = None) -> list[Finding]:
    """What the lints on a measured pass say."""
    reading, problems = with_usage(read(model), inputs, needed=True)
    assert problems == []
    subject = Subject(reading, probe(reading, as_example(inputs, model), loss))
    return [finding for lint in MEASURED for finding in lint(subject)]


def noise(*shape: int) -> Tensor:
    """The same standard normal numbers each time."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def classes(output: Tensor) -> Tensor:
    """Cross entropy against classes in turn."""
    return functional.cross_entropy(output, (torch.arange(output.shape[0]) * 7) % output.shape[1])


def deep(depth: int, width: int, between: Callable[[], nn.Module], *, bias: bool = True, out: int = 10) -> Any:
    """A chain of linear layers with something between, as torch draws it."""
    torch.manual_seed(0)
    layers = [each for _ in range(depth) for each in (nn.Linear(width, width, bias=bias), between())]
    return nn.Sequential(*layers, nn.Linear(width, out))


def redrawn(model: nn.Module, draw: Callable[[Tensor], Any]) -> nn.Module:
    """The model with every matrix drawn anew and every bias zero."""
    for parameter in model.parameters():
        if parameter.dim() > 1:
            draw(parameter)
        else:
            nn.init.zeros_(parameter)
    return model
