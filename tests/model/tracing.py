"""What the tests of the tracer share: models written as a function of their parts, and their usage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from initwise.fans import Fans, fans
from initwise.model import Parameter, Reading, Usage, as_example, read, traced


class Built(nn.Module):
    """A model of parts (shapes of raw parameters, or modules) whose forward pass is a function of it and its inputs."""

    def __init__(self, forward: Callable[..., Any], **parts: tuple[int, ...] | nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            made = part if isinstance(part, nn.Module) else nn.Parameter(torch.randn(part))
            setattr(self, name, made)
        self.function = forward

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(self, *args, **kwargs)


def seen(model: nn.Module, *args: Any, **kwargs: Any) -> Reading:
    """Return the reading of a model with what a forward pass with these inputs shows."""
    return traced(read(model), [as_example((args, kwargs))], given=True)


def usage(model: nn.Module, name: str, *args: Any, **kwargs: Any) -> Usage:
    """Return how one parameter is used."""
    found = seen(model, *args, **kwargs)[name].usage
    assert found is not None
    return found


def block_fans(parameter: Parameter) -> Fans:
    """Return the fans of a weight, of its first block where it packs several."""
    assert parameter.axes is not None
    shape = list(parameter.shape)
    if parameter.blocks is not None:
        shape[parameter.blocks.axis] = parameter.blocks.sizes[0]
    return fans(shape, parameter.axes)
