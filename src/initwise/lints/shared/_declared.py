"""Ties that a model declares, as classes of transformers do."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torch import nn

from initwise.model import Parameter, Reading, canonical_name


def declared_ties(reading: Reading) -> Iterator[tuple[Parameter, Parameter]]:
    """Yield (tied, source) for each pair of parameters that the model's configuration says are one.

    `get_expanded_tied_weights_keys` has them by name, empty where the configuration ties nothing; older and similar
    classes have `_tied_weights_keys`, `tie_word_embeddings` and two embeddings.
    """
    by_tensor = {id(tensor): parameter for parameter in reading.parameters for tensor in parameter.tensors}
    for prefix, module in reading.modules.items():
        expanded = _expanded(module)
        if expanded is None:
            yield from ((by_tensor[one], by_tensor[other]) for one, other in _embeddings(module) if one in by_tensor)
            continue
        for tied, source in expanded.items():
            names = [_inside(prefix, canonical_name(name)) for name in (tied, source)]
            if all(name in reading for name in names):
                yield reading[names[0]], reading[names[1]]


def is_declared(reading: Reading, parameter: Parameter) -> bool:
    """Tell whether some module says that the parameter is tied, under any of its names."""
    for prefix, module in reading.modules.items():
        patterns = [*(getattr(module, "_tied_weights_keys", None) or ())]
        patterns += getattr(module, "_dynamic_tied_weights_keys", None) or ()
        inside = [name.removeprefix(f"{prefix}.") for name in parameter.names if name.startswith(_inside(prefix, ""))]
        if any(re.search(pattern, name) for pattern in patterns for name in inside):
            return True
    return False


def _expanded(module: nn.Module) -> dict[str, str] | None:
    expand = getattr(module, "get_expanded_tied_weights_keys", None)
    if not callable(expand):
        return None
    try:
        return dict(expand())
    except Exception:  # noqa: BLE001 - other releases have other signatures, and patterns may fit nothing
        return None


def _embeddings(module: nn.Module) -> Iterator[tuple[int, int]]:
    """Yield the identities of output and input weight of a class that ties them."""
    ties = getattr(getattr(module, "config", None), "tie_word_embeddings", False)
    getters = [getattr(module, name, None) for name in ("get_output_embeddings", "get_input_embeddings")]
    if ties is not True or not getattr(module, "_tied_weights_keys", None) or not all(map(callable, getters)):
        return
    try:
        weights = [getattr(getter(), "weight", None) for getter in getters if getter is not None]
    except Exception:  # noqa: BLE001 - a base class's getter raises where the model has no such layer
        return
    if all(isinstance(weight, nn.Parameter) for weight in weights):
        yield id(weights[0]), id(weights[1])


def _inside(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name
