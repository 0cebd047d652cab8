"""Running a constructor again so that its parameters take no memory while everything else is really computed."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from initwise.model.graph import undisturbed
from initwise.writing._poison import poison

_SMALL = 1 << 16  # elements: parameters up to this size keep their memory, since buffers may be computed from them
_LARGE = 1 << 24  # elements: new memory of that size is a weight's
_EMPTY = {torch.empty, torch.empty_like, torch.empty_strided, Tensor.new_empty}
# What initializers end in. On meta they do nothing, slowly, and a parameter that has no values cannot get any.
_WRITES = {
    getattr(Tensor, f"{name}_")
    for name in (
        "normal uniform zero fill copy mul div add sub clamp erfinv trunc bernoulli exponential log_normal".split()
    )
}
_NEW = {Tensor.new_empty, Tensor.new_full, Tensor.new_ones, Tensor.new_tensor, Tensor.new_zeros}


@dataclass(frozen=True, eq=False)
class Constructed:
    """What a constructor made, and whether it drew random numbers meanwhile."""

    module: nn.Module
    drew: bool


class ParameterNeededError(RuntimeError):
    """A constructor computes a tensor from the values of a parameter that has no memory."""


def construct(
    make: Callable[[], Any],
    *,
    seed: int,
    dtype: torch.dtype | None = None,
    real: Collection[torch.Size] = (),
    whole: bool = False,
) -> Constructed:
    """Call `make` on the CPU: large parameters go to meta as soon as they are registered, but for shapes in `real`.

    Memory that `torch.empty` makes is marked, so that a buffer that nobody wrote can be told. Every random generator
    starts from `seed` and is put back, and so is the default dtype, which is `dtype` meanwhile. Where a constructor
    mixes its weights, which are on meta, with tensors that it made on their device, these are on meta too.

    With `whole`, a constructor that needs the values of large parameters is called once more with all of its memory.
    """
    try:
        return _construct(make, seed, dtype, _Weights(real), redirected=True)
    except (RuntimeError, NotImplementedError) as error:
        try:
            return _construct(make, seed, dtype, _Weights(real), redirected=False)
        except (RuntimeError, NotImplementedError):
            if not whole:
                raise error from None
            return _construct(make, seed, dtype, None, redirected=True)


def _construct(
    make: Callable[[], Any], seed: int, dtype: torch.dtype | None, weights: _Weights | None, *, redirected: bool
) -> Constructed:
    with constructing(seed=seed, dtype=dtype, redirected=redirected), weights or contextlib.nullcontext():
        before = _states()
        module = make()
        drew = before != _states()
    if not isinstance(module, nn.Module):
        raise TypeError(f"it returned a {type(module).__name__}, not a module")
    return Constructed(module, drew)


@contextlib.contextmanager
def constructing(*, seed: int, dtype: torch.dtype | None = None, redirected: bool = True) -> Iterator[None]:
    """Compute on the CPU, from seeded generators and under a default dtype; all are put back."""
    default = torch.get_default_dtype()
    with undisturbed(), torch.device("cpu"), _NothingOfMeta(), _OnTheCpu(redirected=redirected):
        _seed(seed)
        try:
            torch.set_default_dtype(dtype or default)
            yield
        finally:
            torch.set_default_dtype(default)


class _Weights:
    """While it is entered, parameters lose their memory when they are registered: large ones, of no shape in `real`."""

    def __init__(self, real: Collection[torch.Size]) -> None:
        self.real = real

    def __enter__(self) -> None:
        self.handle = register_module_parameter_registration_hook(self._hook)

    def __exit__(self, *_: object) -> None:
        self.handle.remove()

    def _hook(self, module: nn.Module, name: str, parameter: Any) -> Any:
        if parameter is None or type(parameter) is not nn.Parameter or parameter.is_meta:
            return parameter
        if parameter.numel() <= _SMALL or parameter.shape in self.real:
            return parameter
        with torch._C.DisableTorchFunction():
            made = nn.Parameter(parameter.detach().to("meta"), requires_grad=parameter.requires_grad)
        made.__dict__.update(vars(parameter))
        return made


class _NothingOfMeta(TorchDispatchMode):
    """Refuses operations that would fill memory from what has no values; torch lets some of them do nothing."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name.startswith("new_") or name.endswith("_like"):
            return found  # only its shape is taken
        given = [each for each in tree_iter((args, kwargs)) if isinstance(each, Tensor)]
        if any(each.is_meta for each in given):
            for each in tree_iter(found):
                if isinstance(each, Tensor) and not each.is_meta:
                    raise ParameterNeededError(f"a tensor is computed from a parameter's values ({func})")
        return found


class _OnTheCpu(TorchFunctionMode):
    """What is made on the device of a parameter, which is meta here, is made on the CPU.

    New memory that nobody has written holds poison at its ends; what is as large as weights are has no memory.
    """

    def __init__(self, *, redirected: bool) -> None:
        super().__init__()
        self.redirected = redirected

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _WRITES or getattr(func, "__module__", "") == "torch.nn.init":
            written = args[0] if args else kwargs.get("tensor")
            if isinstance(written, Tensor) and written.is_meta:
                return written
        kwargs = dict(kwargs or {})
        if self.redirected:
            if _is_meta(kwargs.get("device")) or (func in _NEW and args[0].is_meta):
                kwargs["device"] = "cpu"
            elif func is Tensor.to:
                args = tuple("cpu" if _is_meta(each) else each for each in args)
        return _empty(func, args, kwargs) if func in _EMPTY else func(*args, **kwargs)


def _is_meta(device: Any) -> bool:
    return isinstance(device, (str, torch.device)) and str(device).partition(":")[0] == "meta"


def _empty(func: Any, args: Any, kwargs: Any) -> Any:
    on_meta = func(*args, **{**kwargs, "device": "meta"})
    size = on_meta.numel()
    if size >= _LARGE:
        return on_meta
    made = func(*args, **kwargs)
    if type(made) is Tensor and made.is_contiguous() and size:
        poison(made.view(-1)[:1])
        poison(made.view(-1)[-1:])
    return made


def _seed(seed: int) -> None:
    torch.default_generator.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - a constructor may draw from the global generator, which is put back


def _states() -> tuple[Any, ...]:
    numpy: Any = np.random.get_state()  # noqa: NPY002 - as above
    return bytes(torch.default_generator.get_state().numpy()), random.getstate(), bytes(numpy[1]), numpy[2]
