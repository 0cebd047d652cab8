"""What torch does while a constructor runs again: nothing from meta, new memory marked, all else on the CPU."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from initwise.writing._poison import poison

_SMALL = 1 << 16  # elements: parameters up to this size keep their memory, since buffers may be computed from them
_LARGE = 1 << 24  # elements: new memory of that size is a weight's
_EMPTY = {torch.empty, torch.empty_like, torch.empty_strided, Tensor.new_empty}
_EMPTY_OPERATIONS = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"}
_MARKS = (0x5B, 0x6C)  # bytes, where there is no NaN

# What initializers end in. On meta they do nothing, slowly, and a parameter that has no values cannot get any.
_DRAWS = {getattr(Tensor, f"{name}_") for name in "normal uniform bernoulli exponential log_normal".split()}
_WRITES = _DRAWS | {getattr(Tensor, f"{name}_") for name in "zero fill copy mul div add sub clamp erfinv trunc".split()}
_NO_DRAWS = {"zeros_", "ones_", "constant_", "eye_", "dirac_"}  # of torch.nn.init
_NEW = {Tensor.new_empty, Tensor.new_full, Tensor.new_ones, Tensor.new_tensor, Tensor.new_zeros}


class ParameterNeededError(RuntimeError):
    """A constructor computes a tensor from the values of a parameter that has no memory."""


class Weights:
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


class Operations(TorchDispatchMode):
    """Refuses to fill memory from what has no values, where torch may do nothing; marks memory that nobody wrote yet.

    `unwritten` tells whether there was some that can hold no NaN; it holds bytes instead, others for each `mark`.
    `draws` tells whether random numbers were asked for where there is no memory for them.
    """

    def __init__(self, mark: int = 0) -> None:
        super().__init__()
        self.mark = mark
        self.unwritten = False
        self.draws = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name in _EMPTY_OPERATIONS:
            self.unwritten |= marked(found, self.mark)
        elif torch.Tag.nondeterministic_seeded in func.tags and any(each.is_meta for each in _tensors(found)):
            self.draws = True
        if name.startswith("new_") or name.endswith("_like"):
            return found  # only its shape is taken
        if any(each.is_meta for each in _tensors((args, kwargs))) and not all(each.is_meta for each in _tensors(found)):
            raise ParameterNeededError(f"a tensor is computed from a parameter's values ({func})")
        return found


class Functions(TorchFunctionMode):
    """What is made on the device of a parameter, which is meta here, is made on the CPU; large memory is never made.

    `shapes` are those that are made whatever their size, None makes all. `draws` is that of `Operations`; `own` tells
    whether a generator other than torch's drew where there is no memory, `seeded` whether torch's got another seed.
    """

    def __init__(self, *, redirected: bool, shapes: Collection[torch.Size] | None = ()) -> None:
        super().__init__()
        self.redirected = redirected
        self.seed = torch.default_generator.initial_seed()
        self.shapes = shapes
        self.draws = self.own = self.seeded = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.look()
        kwargs = dict(kwargs or {})
        initializes = getattr(func, "__module__", "") == "torch.nn.init"
        if func in _WRITES or initializes:
            written = args[0] if args else kwargs.get("tensor")
            if isinstance(written, Tensor) and written.is_meta:
                self.draws |= func in _DRAWS or (initializes and func.__name__ not in _NO_DRAWS)
                self.own |= _has_generator(args, kwargs)
                return written
        if self.redirected:
            if is_meta(kwargs.get("device")) or (func in _NEW and args[0].is_meta):
                kwargs["device"] = "cpu"
            elif func is Tensor.to:
                args = tuple("cpu" if is_meta(each) else each for each in args)
        found = self._empty(func, args, kwargs) if func in _EMPTY else func(*args, **kwargs)
        self.own |= _has_generator(args, kwargs) and isinstance(found, Tensor) and found.is_meta
        return found

    def look(self) -> None:
        """Note whether torch's generator was given another seed."""
        self.seeded |= torch.default_generator.initial_seed() != self.seed

    def _empty(self, func: Any, args: Any, kwargs: Any) -> Any:
        if self.shapes is None:
            return func(*args, **kwargs)
        on_meta = func(*args, **{**kwargs, "device": "meta"})
        return on_meta if on_meta.numel() >= _LARGE and on_meta.shape not in self.shapes else func(*args, **kwargs)


def marked(made: Any, mark: int) -> bool:
    """Mark new memory, at its ends alone where there is much of it; True where it was not with NaNs."""
    if type(made) is not Tensor or made.is_meta or made.layout is not torch.strided or not made.numel():
        return False
    if not made.is_contiguous():
        made = made.as_strided((made.untyped_storage().nbytes() // made.element_size(),), (1,), 0)
    flat = made.view(-1)
    other = False
    for part in (flat,) if len(flat) <= _SMALL else (flat[:1], flat[-1:]):
        if not poison(part):
            other = True
            part.view(torch.uint8).numpy().fill(mark if made.dtype is torch.bool else _MARKS[mark])
    return other


def unwritten(value: Tensor, mark: int) -> Tensor:
    """Return which elements still hold the mark of memory that has no NaN."""
    raw = value.contiguous().view(-1)
    if value.dtype is torch.bool:
        return raw == bool(mark)
    found: Tensor = (raw.view(torch.uint8).view(len(raw), -1) == _MARKS[mark]).all(dim=1)
    return found


def is_meta(device: Any) -> bool:
    """Tell whether an argument names the meta device."""
    return isinstance(device, (str, torch.device)) and str(device).partition(":")[0] == "meta"


def _has_generator(args: Any, kwargs: Any) -> bool:
    return any(isinstance(each, torch.Generator) for each in (*args, *kwargs.values()))


def _tensors(tree: Any) -> list[Tensor]:
    return [each for each in tree_iter(tree) if isinstance(each, Tensor)]
