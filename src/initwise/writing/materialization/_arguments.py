"""What a module was built with, read from the attributes in which it keeps it; never guessed."""

from __future__ import annotations

import copy
import functools
import inspect
import types
from typing import Any

import torch
from torch import Tensor, nn

from initwise.writing.materialization._faithful import unfaithful

_LIBRARY = "transformers"


def unsharded(kind: type[nn.Module]) -> type[nn.Module]:
    """Return the class that `fully_shard` put its own in front of, or `kind` itself."""
    names = [each.__name__ for each in kind.__mro__]
    return kind.__mro__[names.index("FSDPModule") + 1] if "FSDPModule" in names else kind


def arguments(module: nn.Module) -> dict[str, Any] | str:
    """Return what builds the module again, as keyword arguments; else why that cannot be known.

    Every argument must be kept in an attribute of its name (or of its name behind an underscore), as the constructor's
    source shows; one that is not is not taken to have its default. `device` is the CPU. Lists, dictionaries and
    configurations are copied, since a constructor may change them; an argument that is or holds modules or tensors is
    none that can be given twice.
    """
    kind = unsharded(type(module))
    try:
        wanted = list(inspect.signature(kind.__init__).parameters.values())[1:]
    except (TypeError, ValueError):
        return "its constructor has no signature"
    found: dict[str, Any] = {}
    of_config = is_pretrained(module) and kind.__module__.startswith(f"{_LIBRARY}.")
    for each in wanted:
        if each.kind in {each.VAR_POSITIONAL, each.VAR_KEYWORD}:
            if not of_config:
                return f"its constructor takes {each}"
        elif each.name == "device":
            found["device"] = torch.device("cpu")
        elif (value := _kept(module, each.name)) is not inspect.Parameter.empty:
            if not _can_be_given_again(value):
                return f"argument {each.name!r} of its constructor is or holds modules or tensors"
            if doubt := unfaithful(kind, each.name):
                return doubt
            found[each.name] = _copied(value)
        elif each.name == "dtype" and each.default is None:
            pass  # the rebuilt buffers' dtypes are compared
        elif each.default is each.empty or not of_config:
            return f"it does not keep argument {each.name!r} of its constructor"
    return found


def is_pretrained(module: nn.Module) -> bool:
    """Tell whether it is a model of transformers, whose configuration says all that its constructor needs."""
    return any(
        each.__name__ == "PreTrainedModel" and each.__module__.startswith(f"{_LIBRARY}.")
        for each in type(module).__mro__
    ) and hasattr(module, "config")


def _kept(module: nn.Module, name: str) -> Any:
    for attribute in (name, f"_{name}"):
        if attribute in vars(module):
            return vars(module)[attribute]
    return inspect.Parameter.empty


def _can_be_given_again(value: Any) -> bool:
    if isinstance(value, (nn.Module, Tensor)):
        return False
    if isinstance(value, functools.partial):
        return _can_be_given_again([*value.args, *value.keywords.values()])
    if isinstance(value, dict):
        return all(map(_can_be_given_again, value.values()))
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(map(_can_be_given_again, value))
    return not isinstance(value, types.MethodType) or not isinstance(value.__self__, nn.Module)


def _copied(value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001 - a class of the user's may refuse; it is given as it is
        return value
