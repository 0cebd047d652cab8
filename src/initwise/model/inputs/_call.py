"""A forward pass of a model of transformers that inputs are made for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from initwise.model.inputs._settings import TEXT, setting

LENGTH = 16
OPTIONS = 2  # of a multiple choice


@dataclass
class Call:
    """What inputs are made for, and sizes that must agree.

    Attributes:
        model, config: the model and its configuration.
        values: makes a value for an argument, by its name.
        batch, length: how many texts, and how long.
        images, audios: how many placeholders for images and audio are in the text.
        done: what was made so far, by argument.
        making: the argument that is being made.
    """

    model: Any
    config: Any
    values: Mapping[str, Callable[[Call], Any]]
    batch: int = 2
    length: int = LENGTH
    images: int = 0
    audios: int = 0
    done: dict[str, Any] = field(default_factory=dict)
    making: str = ""

    @cached_property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The arguments of forward."""
        return dict(inspect.signature(self.model.forward).parameters)

    def takes(self, name: str) -> bool:
        """Whether forward has this argument; `use_cache` may be one of the decorated forward's own."""
        return name in self.parameters or (name == "use_cache" and "kwargs" in self.parameters)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a batch of texts."""
        options = (OPTIONS,) if "ForMultipleChoice" in type(self.model).__name__ else ()
        return (self.batch, *options, self.length)

    def plain(self, name: str) -> Any:
        """Return what models are usually given for the argument `name`; None where that is not known."""
        make = self.values.get(name)
        return make(self) if make is not None else None

    def setting(self, *names: str, within: tuple[str, ...] = (), default: Any = None) -> Any:
        """Return the first of the settings `names` that the configuration or one of its parts has."""
        return setting(self.config, *names, within=within, default=default)

    def size(self, size: int | str) -> int:
        """Return a size: itself, "batch" or "length", or a setting of that name."""
        if isinstance(size, int):
            return size
        return int(getattr(self, size) if size in ("batch", "length") else self.setting(size, within=TEXT))
