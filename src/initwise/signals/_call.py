"""One operation as the recorder sees it, and how batch norms of single values are run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from initwise.model.graph._calls import in_place
from initwise.model.graph._structures import tensors

_BATCH_NORM = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")


class Call:
    """An operation with its arguments."""

    def __init__(self, function: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function, self.name, self.args, self.kwargs = function, name, args, kwargs
        self.taken = list(tensors((args, kwargs)))
        self.in_place = in_place(name, kwargs)

    def run(self) -> Any:
        """Call the function as the model did."""
        if self.name == "batch_norm" and self._is_single():
            given = dict(zip(_BATCH_NORM, self.args, strict=False))
            return self.function(**{**given, **self.kwargs, "training": False})
        return self.function(*self.args, **self.kwargs)

    def made(self, result: Any) -> list[Tensor]:
        """Return the tensors that it made: what was written into, or what it returned."""
        if self.in_place and self.args and isinstance(self.args[0], Tensor):
            return [self.args[0]]
        return list(tensors(result))

    def argument(self, position: int, name: str, default: Any = None) -> Any:
        """Return an argument given by position or by name."""
        return self.args[position] if position < len(self.args) else self.kwargs.get(name, default)

    @property
    def has_infinity(self) -> bool:
        """Whether a number among the arguments is infinite, as a mask's is."""
        return any(isinstance(each, float) and abs(each) == float("inf") for each in self.args)

    def _is_single(self) -> bool:
        """Tell whether a batch norm has one value a channel, which has no variance: it takes its running statistics."""
        given, mean, training = (
            self.argument(0, "input"),
            self.argument(1, "running_mean"),
            self.argument(5, "training"),
        )
        single = isinstance(given, Tensor) and given.dim() > 1 and given.numel() == given.shape[1]
        return bool(single and training and mean is not None)


def is_measurable(tensor: Tensor) -> bool:
    """Tell whether a tensor has real numbers to look at."""
    if tensor.is_meta or tensor.numel() == 0 or not (tensor.is_floating_point() or tensor.is_complex()):
        return False
    return tensor.layout == torch.strided and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)  # noqa: SLF001
