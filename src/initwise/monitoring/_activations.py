"""The mode that sees activations called as functions, such as `F.relu(x)` or `x.tanh()`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from initwise.monitoring._numbers import quietly
from initwise.signals._call import Call, is_measurable
from initwise.signals._instrument import after_activation, before_activation
from initwise.signals._units import RECTIFIERS, bounds

_NAMES = RECTIFIERS | frozenset("tanh tanh_ rnn_tanh softsign sigmoid sigmoid_ special_expit hardsigmoid".split())
Told = Callable[[str, Tensor, int, dict[str, Tensor]], None]


class Activations(TorchFunctionMode):
    """Calls `told(operation, output, units, numbers)` for each activation; everything else passes."""

    def __init__(self, axis: Callable[[Tensor], int], told: Told) -> None:
        super().__init__()
        self._axis, self._told = axis, told

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if torch.compiler.is_compiling():  # a compiled function in an ordinary model: its graph stays as it is
            return func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if name not in _NAMES or not args or not isinstance(args[0], Tensor) or not is_measurable(args[0]):
            return func(*args, **kwargs)
        return self._measured(Call(func, name, args, kwargs))

    def _measured(self, call: Call) -> Any:
        given: Tensor = call.args[0]
        axis = self._axis(given)
        with quietly(given):
            before = before_activation(call, given, axis) if bounds(call.name, call.argument) is not None else {}
        result = call.run()
        made = call.made(result)
        if made and is_measurable(made[0]):
            with quietly(made[0]):
                units, numbers = after_activation(call, made[0], axis)
            if before or numbers:
                self._told(call.name, made[0], units, before | numbers)
        return result
