"""Whether a module that was built again is the one that it stands for, as far as can be seen without values."""

from __future__ import annotations

import dataclasses
import enum
import math
import types
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from initwise.shards import is_sharded
from initwise.writing.materialization._arguments import unsharded

_PLAIN = (bool, int, float, complex, str, bytes, type(None), set, frozenset, range, slice, torch.dtype, torch.Size)
_IGNORED = frozenset({"training", "_is_hf_initialized", "_non_persistent_buffers_set"})
# What wrappers leave on a module.
_ADDED = ("_fsdp_", "_is_fsdp_", "__composable_api_state_key", "_hf_hook", "_old_forward", "_ddp_")
_OWN = frozenset(vars(nn.Module())) | _IGNORED


def difference(here: nn.Module, made: nn.Module, *, shapes: bool = True) -> str:
    """Return how they differ in type, plain attributes, or names and shapes of what they hold; empty where they agree.

    `shapes` False leaves out the shapes of parameters, which are others where a process holds slices.
    """
    if unsharded(type(here)) is not type(made):
        return f"it became a {type(made).__name__}"
    if here._non_persistent_buffers_set != made._non_persistent_buffers_set:
        return "other buffers are persistent"
    for kind, one, other, sized in (
        ("buffer", here._buffers, made._buffers, True),
        ("parameter", here._parameters, made._parameters, shapes),
    ):
        found = _unlike(one, other, sized=sized)
        if found:
            return f"{kind} {found}"
    for name in sorted((vars(here).keys() | vars(made).keys()) - _OWN):
        if not name.startswith(_ADDED) and not same(vars(here).get(name), vars(made).get(name)):
            return f"attribute {name!r} became {vars(made).get(name)!r:.60}"
    return ""


def _unlike(one: Mapping[str, Tensor | None], other: Mapping[str, Tensor | None], *, sized: bool) -> str:
    for name in [*one, *(each for each in other if each not in one)]:
        first, second = one.get(name), other.get(name)
        if (first is None) != (second is None):
            return f"{name!r} is {'missing' if first is None else 'new'} here"
        if sized and first is not None and second is not None and first.shape != second.shape:
            return f"{name!r} became {tuple(second.shape)} instead of {tuple(first.shape)}"
    return ""


def same(one: Any, other: Any, *, depth: int = 8) -> bool:
    """Tell whether two attributes say the same: plain values and arrays by value, containers and records by content.

    All else is compared by type: functions, objects of which nobody knows what makes them equal, and what lies deeper.
    """
    if isinstance(one, nn.Module) and isinstance(other, nn.Module):
        return True  # compared where they are what is rebuilt
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.shape == other.shape and (_has_no_values(one) or _has_no_values(other) or torch.equal(one, other))
    if isinstance(one, torch.device) and isinstance(other, torch.device):
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, _PLAIN):
        return bool(one == other) or (isinstance(one, float) and math.isnan(one) and math.isnan(other))
    if isinstance(one, np.ndarray):
        return bool(one.shape == other.shape and one.tobytes() == other.tobytes())
    if isinstance(one, (type, enum.Enum)) or one is other or not depth:
        return one is other or not depth
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key], depth=depth - 1) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(same(*pair, depth=depth - 1) for pair in zip(one, other, strict=True))
    return not _is_record(one) or same(vars(one), vars(other), depth=depth - 1)


def _has_no_values(tensor: Tensor) -> bool:
    return tensor.is_meta or tensor.is_nested or tensor.layout is not torch.strided or is_sharded(tensor)


def _is_record(value: Any) -> bool:
    """Tell whether an object is what it holds: data classes, namespaces, configurations of transformers."""
    known = dataclasses.is_dataclass(value) or isinstance(value, types.SimpleNamespace)
    return hasattr(value, "__dict__") and (known or hasattr(value, "to_diff_dict"))
