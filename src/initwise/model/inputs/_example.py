"""An example of what a model's forward pass takes, as a user may give it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from initwise._arguments import show
from initwise.errors import ArgumentTypeError


@dataclass(frozen=True)
class Example:
    """What one forward pass is called with.

    Attributes:
        args: the positional arguments.
        kwargs: the keyword arguments.
        description: the same in words, for messages: "pixel_values: 1x3x224x224 float32".
        mended: how often it was changed because a model asked for something else.
    """

    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    description: str = ""
    mended: int = 0

    def __post_init__(self) -> None:
        """Describe what is not described."""
        if not self.description:
            object.__setattr__(self, "description", describe(self.args, self.kwargs))


def as_example(inputs: Any, model: nn.Module | None = None) -> Example:
    """Return the example that `inputs` stand for.

    Args:
        inputs: a tensor; positional arguments in a tuple or list; keyword arguments in a mapping (what a tokenizer of
            transformers returns is one); `(args, kwargs)`, a sequence and a mapping; words, as `parse_inputs` reads
            them; or an `Example`.
        model: what they are for; words without a name become its first argument.

    Raises:
        ArgumentTypeError: they are none of these.

    >>> as_example(torch.zeros(2, 3)).description
    '2x3 float32'
    >>> as_example({"input_ids": torch.zeros(2, 16, dtype=torch.int64)}).description
    'input_ids: 2x16 int64'
    """
    from initwise.model.inputs._words import parse_inputs

    if isinstance(inputs, Example):
        return inputs
    if isinstance(inputs, str):
        return parse_inputs(inputs)
    if isinstance(inputs, Tensor):
        return Example((inputs,))
    if isinstance(inputs, Mapping):
        return Example((), _keywords(inputs))
    if isinstance(inputs, (tuple, list)):
        if _is_call(inputs):
            return Example(tuple(inputs[0]), _keywords(inputs[1]))
        return Example(tuple(inputs))
    takes = f" for {type(model).__name__}" if model is not None else ""
    raise ArgumentTypeError(
        f"inputs{takes} are {show(inputs)} of type {type(inputs).__name__}; give a tensor, a tuple of positional"
        " arguments, a mapping of keyword arguments, (args, kwargs), or words such as '2x3x224x224'"
    )


def describe(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Return the arguments in words: the shape and dtype of tensors, other values as they are written."""
    words = [_told(value) for value in args]
    words += [f"{name}: {_told(value)}" for name, value in kwargs.items()]
    return "; ".join(words) or "no arguments"


def _told(value: Any) -> str:
    if isinstance(value, Tensor):
        shape = "x".join(map(str, value.shape)) or "scalar"
        return f"{shape} {str(value.dtype).removeprefix('torch.')}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_told, value))}]"
    if isinstance(value, Mapping):
        return f"{{{describe((), value)}}}"
    return show(value)


def _keywords(mapping: Mapping[Any, Any]) -> dict[str, Any]:
    wrong = [name for name in mapping if not isinstance(name, str)]
    if wrong:
        raise ArgumentTypeError(
            f"inputs: the keys of a mapping are the names of forward's arguments, and {show(wrong[0])} is of type"
            f" {type(wrong[0]).__name__}; a forward that takes a mapping gets it in a tuple: inputs=(mapping,)"
        )
    return dict(mapping)


def _is_call(inputs: tuple[Any, ...] | list[Any]) -> bool:
    """Tell whether this is `(args, kwargs)`; positional arguments that end with a mapping begin with no sequence."""
    if len(inputs) != 2:
        return False
    first, second = inputs
    named = isinstance(second, Mapping) and all(isinstance(name, str) for name in second)
    return isinstance(first, (tuple, list)) and not isinstance(first, torch.Size) and named
