"""Calls of torch functions as a mode sees them: which matter, what they write into, which line made them."""

from __future__ import annotations

import sys
import types
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import Tensor
from torch.overrides import TorchFunctionMode

_OURS = str(Path(__file__).parents[2])
_TORCH = str(Path(torch.__file__).parent)
# What returns no tensor, or none that a graph needs.
QUIET = frozenset(
    """size dim numel stride is_contiguous element_size storage_offset data_ptr is_floating_point is_complex type
    get_device __len__ ndimension nelement __hash__ is_tensor is_set_to untyped_storage storage is_nonzero __repr__
    requires_grad_ retain_grad register_hook detach_ is_same_size is_shared is_pinned is_inference __format__ __dir__
    _set_grad_enabled set_grad_enabled is_grad_enabled broadcast_shapes result_type can_cast promote_types
    _has_compatible_shallow_copy_type __setattr__ has_names is_conj is_neg""".split()
)
DESCENDED = (F.multi_head_attention_forward,)


class CallMode(TorchFunctionMode, ABC):
    """Sees the calls that matter: properties that are read, and functions that make or change tensors."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "") or str(func)
        if name == "__get__":
            return self.read(func, args)
        if name in QUIET:
            return func(*args, **kwargs)
        if func in DESCENDED:
            with self:
                return descended(func)(*args, **kwargs)
        return self.called(func, name, args, kwargs)

    @abstractmethod
    def read(self, func: Any, args: tuple[Any, ...]) -> Any:
        """Return the property of a tensor, such as `T` or `grad`."""

    @abstractmethod
    def called(self, func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return what a function gives."""


def in_place(name: str, kwargs: Mapping[str, Any]) -> bool:
    """Tell whether a call writes into its first argument."""
    if name.endswith("_") and not name.endswith("__"):
        return True
    if name in ("__setitem__", "__iadd__", "__isub__", "__imul__", "__itruediv__", "__iand__", "__ior__"):
        return True
    return kwargs.get("inplace") is True


def storage_of(tensor: Tensor) -> int:
    """Return what is the same for tensors that share memory."""
    try:
        return int(tensor.untyped_storage()._cdata)
    except (RuntimeError, NotImplementedError):
        return id(tensor)


@lru_cache(maxsize=8)
def descended(function: Any) -> Any:
    """Return a Python function of torch that goes on to its parts, where it would hand itself over as a whole."""

    def never(*args: Any) -> bool:
        return False

    names: dict[str, Any] = {name: never for name in function.__globals__ if name.startswith("has_torch_function")}
    names |= {"handle_torch_function": None}
    plain = types.FunctionType(
        function.__code__,
        {**function.__globals__, **names},
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    plain.__kwdefaults__ = function.__kwdefaults__
    return plain


def source_line() -> str:
    """Return the nearest source line outside torch and this library."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith((_TORCH, _OURS, "<frozen")):
            return f"{_short(file)}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


@lru_cache(maxsize=4096)
def _short(file: str) -> str:
    parts = Path(file).parts
    if "site-packages" in parts:
        return "/".join(parts[len(parts) - parts[::-1].index("site-packages") :])
    return "/".join(parts[-2:])
