"""Hooks that belong to one step: what compiles or copies a model meanwhile does not take them along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


class Hook:
    """Calls a function, and gives nothing back.

    Traced by `torch.compile` it is nothing: measuring inside of a graph would change what is fused, and with that the
    last bits of training, and the graph would go on to measure when the step is long over. In a copy of the model, or
    in a pickle of it, it is `Nothing`: an average of weights that is copied within a step is a model of its own.
    """

    def __init__(self, call: Callable[..., None]) -> None:
        self._call = call

    def __call__(self, *args: Any) -> None:
        """Pass the arguments on."""
        if not torch.compiler.is_compiling():
            self._call(*args)

    def __reduce__(self) -> tuple[type[Nothing], tuple[()]]:
        return Nothing, ()


class Nothing:
    """What is left of a hook in a copy of the model."""

    def __call__(self, *args: Any) -> None:
        """Do nothing."""
