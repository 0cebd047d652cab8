"""Buffers of a model on meta, computed again where its modules can say how: masks, positions, rotary frequencies.

It is done on the twin that is traced, before it runs; the model itself is not touched.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from initwise.signals.forecast._behind import without_vectors

_OWN = ("init_non_persistent_buffers", "_init_buffers")  # methods by which timm's modules fill their buffers
_LARGEST = 1 << 24  # elements of a module that is built again for its buffers
_STATISTICS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "running_mean": torch.zeros_like,
    "running_var": torch.ones_like,
    "num_batches_tracked": torch.zeros_like,
}


def fill(model: nn.Module) -> None:
    """Give the buffers of a twin that have no values the ones that their modules give them when they are built.

    Singular vectors lose theirs: they belong to weights that are drawn.
    """
    known: dict[Any, dict[str, Tensor]] = {}
    waiting: list[tuple[nn.Module, nn.Module]] = [(model, model)]
    seen: set[int] = set()
    while waiting:
        module, owner = waiting.pop()
        if id(module) in seen:
            continue
        seen.add(id(module))
        owner = module if callable(getattr(module, "_init_weights", None)) else owner
        waiting += [(child, owner) for child in module.children()]
        for way in (_statistics, partial(_by_its_own_method, owner=owner), partial(_built_again, known=known)):
            if _empty(module):
                way(module)
    without_vectors(model)


def _own(module: nn.Module) -> dict[str, Any]:
    """Return the buffers of a module itself, None where one is only declared; what is written there is the module's."""
    found: dict[str, Any] = vars(module)["_buffers"]
    return found


def _empty(module: nn.Module) -> list[str]:
    return [name for name, buffer in _own(module).items() if buffer is not None and buffer.is_meta]


def _statistics(module: nn.Module) -> None:
    """A batch norm starts with mean 0 and variance 1, and has seen no batch."""
    for name in _empty(module):
        if name in _STATISTICS:
            _own(module)[name] = _STATISTICS[name](torch.empty_like(_own(module)[name], device="cpu"))


def _by_its_own_method(module: nn.Module, owner: Any) -> None:
    """Call the method by which timm's modules fill their buffers, or with which a model of transformers does."""
    method: Any = next((found for name in _OWN if callable(found := getattr(module, name, None))), None)
    if method is None and hasattr(owner, "_init_weights") and hasattr(owner, "config"):
        method = partial(owner._init_weights, module)  # noqa: SLF001 - the name that transformers gives it
    if method is None:
        return
    before = dict(_own(module))
    for name in _empty(module):
        _own(module)[name] = torch.full_like(before[name], _POISON[before[name].is_floating_point()], device="cpu")
    poisoned = {name: buffer.clone() for name, buffer in _own(module).items() if buffer is not None}
    try:
        method()
    except Exception:  # noqa: BLE001 - it may ask for parameters' values, which are not there
        _own(module).update(before)
        return
    for name, old in before.items():
        now = _own(module).get(name)
        if old is not None and old.is_meta and (now is None or now.is_meta or torch.equal(now, poisoned[name])):
            _own(module)[name] = old  # it was not filled


_POISON = {True: (-12345.0), False: 1}


def _built_again(module: nn.Module, known: dict[Any, dict[str, Tensor]]) -> None:
    """Build the same module again, from arguments that it keeps under their names, and take its buffers."""
    arguments = _arguments(module)
    if arguments is None or sum(each.numel() for each in module.parameters()) > _LARGEST:
        return
    try:
        key = (type(module), *sorted((name, repr(value)) for name, value in arguments.items()))
        if key not in known:
            known[key] = dict(type(module)(**arguments).named_buffers(recurse=False))
    except Exception:  # noqa: BLE001 - a constructor may want anything
        return
    for name in _empty(module):
        made, old = known[key].get(name), _own(module)[name]
        if made is not None and not made.is_meta and (made.shape, made.dtype) == (old.shape, old.dtype):
            _own(module)[name] = made.clone()


def _arguments(module: nn.Module) -> dict[str, Any] | None:
    """Return what a module's constructor takes, from attributes of the same names; None where something is missing."""
    try:
        parameters = list(inspect.signature(type(module)).parameters.values())
    except (TypeError, ValueError):
        return None
    found: dict[str, Any] = {}
    for each in parameters:
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) or each.name == "device":
            continue
        if hasattr(module, each.name):
            found[each.name] = getattr(module, each.name)
        elif each.default is each.empty:
            return None
    return found
