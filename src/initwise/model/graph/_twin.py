"""A model's twin for tracing: the same modules without the memory. The model itself is never run."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from initwise.model._names import WRAPPERS


def twin(model: nn.Module) -> tuple[nn.Module, dict[int, Tensor]]:
    """Return a copy of `model` whose parameters are on meta, and by the identity of each parameter its counterpart.

    Buffers are copied to the CPU for real, since control flow may depend on them; those on meta stay there. Everything
    else is copied too, so that whatever the forward pass changes, it changes in the copy.
    """
    memo: dict[int, Any] = {}
    parameters: dict[int, Tensor] = {}
    for module in model.modules():
        _note_tensors(module, memo, parameters)
    try:
        copied = copy.deepcopy(model, dict(memo))
    except Exception:  # noqa: BLE001 - a module may hold what cannot be copied: a lock, a file, a generator
        copied = _Shallow(memo).module(model)
    return _unwrapped(copied), parameters


def _note_tensors(module: nn.Module, memo: dict[int, Any], parameters: dict[int, Tensor]) -> None:
    for tensor in module._parameters.values():
        if tensor is not None and id(tensor) not in memo:
            parameters[id(tensor)] = memo[id(tensor)] = _on_meta(tensor)
    for name, value in vars(module).items():
        if isinstance(value, Tensor) and id(value) not in memo:
            memo[id(value)] = _on_meta(value) if value.is_floating_point() and value.requires_grad else _real(value)
        elif name == "_buffers":
            memo.update({id(each): _real(each) for each in value.values() if each is not None and id(each) not in memo})


def _on_meta(tensor: Tensor) -> Tensor:
    """Return a parameter without memory, contiguous, so that every view of it tells which elements it holds."""
    kind: Any = nn.Parameter if isinstance(tensor, nn.Parameter) else torch.Tensor.as_subclass
    empty = torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")
    if kind is not nn.Parameter:
        return empty
    made = nn.Parameter(empty, requires_grad=tensor.requires_grad and (empty.is_floating_point() or empty.is_complex()))
    made.__dict__.update(vars(tensor))
    return made


def _real(tensor: Tensor) -> Tensor:
    plain = tensor.detach()
    return plain.clone() if plain.is_meta else plain.to("cpu", copy=True)


class _Shallow:
    """Copies modules and the containers that hold them; all other objects are shared."""

    def __init__(self, memo: dict[int, Any]) -> None:
        self.memo = memo

    def module(self, module: nn.Module) -> nn.Module:
        if id(module) in self.memo:
            found: nn.Module = self.memo[id(module)]
            return found
        made: nn.Module = object.__new__(_unsharded(type(module)))
        self.memo[id(module)] = made
        made.__dict__.update({name: self._value(value) for name, value in vars(module).items()})
        for name, hooks in vars(made).items():
            if name.startswith("_forward") and isinstance(hooks, dict):
                for key in [key for key, hook in hooks.items() if _gathers(hook)]:
                    del hooks[key]
        return made

    def _value(self, value: Any) -> Any:
        if id(value) in self.memo:
            return self.memo[id(value)]
        if isinstance(value, nn.Module):
            return self.module(value)
        if isinstance(value, Mapping) and hasattr(value, "copy"):
            made: Any = value.copy()
            for key, each in value.items():
                made[key] = self._value(each)
            return made
        if type(value) in (list, tuple, set):
            return type(value)(self._value(each) for each in value)
        return value


def _unsharded(kind: type[nn.Module]) -> type[nn.Module]:
    """Return the class that `fully_shard` put its own in front of, whose `__new__` wants the original's arguments."""
    names = [each.__name__ for each in kind.__mro__]
    return kind.__mro__[names.index("FSDPModule") + 1] if "FSDPModule" in names else kind


def _gathers(hook: Any) -> bool:
    """Tell whether a hook gathers or frees shards, those of the model itself, or turns inputs into DTensors."""
    return (getattr(hook, "__module__", None) or "").startswith(("torch.distributed.fsdp", "torch.distributed.tensor"))


def _unwrapped(model: nn.Module) -> nn.Module:
    """Take wrappers that compile or distribute out of a copy; what they wrap computes the same."""
    while True:
        inner = next((child for name, child in model._modules.items() if name in WRAPPERS), None)
        if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            inner = model.module
        if inner is None or not _only_wraps(model):
            break
        model = inner
    for module in list(model.modules()):
        for name, child in list(module._modules.items()):
            if child is not None and "_orig_mod" in child._modules:
                module._modules[name] = child._modules["_orig_mod"]
    return model


def _only_wraps(model: nn.Module) -> bool:
    parallel = isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel))
    return parallel or "_orig_mod" in model._modules
