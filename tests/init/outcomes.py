"""What a call did, in a form that two libraries can be compared by."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Outcome:
    """Error or result, warnings, and whether torch's default generator moved."""

    error: str | None
    returned_the_argument: bool
    warned: tuple[str, ...]
    drew: bool
    constant: str | None = None

    @classmethod
    def of(cls, function: Callable[..., Any], tensor: Any, *arguments: Any, **keywords: Any) -> Outcome:
        """Call the function and say what happened."""
        torch.manual_seed(0)
        before = torch.random.get_rng_state()
        returned, error = None, None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                returned = function(tensor, *arguments, **keywords)
            except Exception as raised:  # noqa: BLE001 - whatever it is, the other library has to raise it too
                error = f"{type(raised).__name__}: {raised}"
        drew = not torch.equal(before, torch.random.get_rng_state())
        warned = tuple(f"{one.category.__name__}: {one.message}" for one in caught)
        return cls(error, returned is tensor, warned, drew, _constant(tensor) if not drew and error is None else None)


def _constant(tensor: Any) -> str | None:
    """The values themselves where nothing random is in them."""
    if not isinstance(tensor, Tensor) or tensor.is_meta or tensor.layout is not torch.strided:
        return None
    return str(tensor.tolist())
