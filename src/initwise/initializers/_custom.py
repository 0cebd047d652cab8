"""`Custom`: a function of the user's as an initializer; and `as_initializer`, which wraps a plain function so."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from initwise._arguments import show
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.initializers._base import Initializer
from initwise.initializers._law import Law
from initwise.initializers._stream import Stream
from initwise.initializers._target import Target


@dataclass(frozen=True, repr=False, init=False)
class Custom(Initializer):
    """What `function(shape, fans, draw)` returns: a tensor of that shape.

    Args:
        function: called with the shape (a tuple), the fans (`fans.fan_in`, `fans.fan_out`; None where unknown) and the
            parameter's own random stream: `draw.normal(shape)`, `draw.uniform(shape)`, `draw.truncated_normal(shape)`,
            `draw.words(count)`, each with an optional label. Use nothing else that is random.
        law: the law to check the values against; without one the parameter is reported as "not testable".

    Raises:
        ArgumentTypeError: `function` cannot be called with three arguments, or `law` is no `Law`.

    >>> import initwise as iw
    >>> def half_normal(shape, fans, draw):
    ...     return draw.normal(shape).abs()
    >>> iw.Custom(half_normal)
    Custom(half_normal)
    """

    function: Callable[..., Any]
    declared: Law | None

    def __init__(self, function: Callable[..., Any], law: Law | None = None) -> None:
        if law is not None and not isinstance(law, Law):
            raise ArgumentTypeError(f"Custom: law is {show(law)}, not a Law")
        _refuse_uncallable(function)
        self._store(function=function, declared=law)

    def __repr__(self) -> str:
        name = getattr(self.function, "__qualname__", None) or repr(self.function)
        return f"Custom({name}{f', law={self.declared!r}' if self.declared is not None else ''})"

    def _law(self, target: Target) -> Law | None:
        return self.declared

    def _values(self, target: Target, stream: Stream) -> Tensor:
        values = self.function(target.shape, target.fans, stream)
        if not isinstance(values, Tensor):
            raise ArgumentTypeError(f"{self!r}: the function returned {type(values).__name__}, not a tensor")
        if values.shape != target.shape:
            raise ArgumentError(f"{self!r}: the function returned shape {tuple(values.shape)}, not {target.shape}")
        if values.is_complex() and not target.is_complex:
            raise ArgumentTypeError(f"{self!r}: the function returned {values.dtype} for a {target.dtype} parameter")
        if values.is_meta:
            raise ArgumentError(f"{self!r}: the function returned a tensor on the meta device, which has no values")
        if not bool(torch.isfinite(values).all()):
            raise ArgumentError(f"{self!r}: the function returned NaN or infinite values")
        return values.detach()


def as_initializer(value: object) -> Initializer:
    """Return `value` if it is an initializer, or `Custom(value)` if it is a function of (shape, fans, draw).

    Raises:
        ArgumentTypeError: it is neither; the message says what to write instead.

    >>> as_initializer(lambda shape, fans, draw: draw.normal(shape))
    Custom(<lambda>)
    """
    if isinstance(value, Initializer):
        return value
    if isinstance(value, type) and issubclass(value, Initializer):
        raise ArgumentTypeError(f"{value.__name__} is a class, not an initializer: write {value.__name__}(...)")
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ArgumentTypeError(f"{value!r} is a number, not an initializer: write Constant({value!r})")
    if getattr(value, "__module__", "") in {"torch.nn.init", "initwise.init"}:
        raise ArgumentTypeError(
            f"{show(value)} writes into a tensor at once; give a value, such as iw.XavierUniform() or iw.Normal()"
        )
    if not callable(value):
        raise ArgumentTypeError(f"{show(value)} is not an initializer, nor a function of (shape, fans, draw)")
    return Custom(value)


def _refuse_uncallable(function: object) -> None:
    if not callable(function) or isinstance(function, type):
        raise ArgumentTypeError(f"Custom: {show(function)} is not a function of (shape, fans, draw)")
    try:
        inspect.signature(function).bind(None, None, None)
    except TypeError as error:
        raise ArgumentTypeError(
            f"Custom: {show(function)} cannot be called as function(shape, fans, draw): {error}"
        ) from error
    except ValueError:  # a compiled function may have no signature
        return
