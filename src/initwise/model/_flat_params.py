"""FSDP1 (`FullyShardedDataParallel`): which range of a parameter a rank's piece of a flat parameter is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from initwise.model._parameters import Parameter, Reading


def flat_ranges(reading: Reading) -> dict[str, tuple[tuple[int, ...], int]]:
    """Return whole shape and first element of every parameter that FSDP1 keeps as a flat view; empty without FSDP1."""
    kept = sys.modules.get("torch.distributed.fsdp._flat_param")  # nobody has wrapped a model before it was imported
    found: dict[str, tuple[tuple[int, ...], int]] = {}
    if kept is None:
        return found
    views = {id(tensor): place for module in reading.model.modules() for tensor, place in _views(module)}
    for parameter in reading.parameters:
        place = views.get(id(parameter.tensor))
        if place is not None and parameter.tensor.dim() == 1:
            found[parameter.name] = place
    return found


def flat_groups(reading: Reading) -> list[tuple[Any, Any]]:
    """Return, once each, the process groups over which FSDP1 cuts parameters, with those between replicas or None."""
    kept = sys.modules.get("torch.distributed.fsdp")
    kind = getattr(kept, "FullyShardedDataParallel", None)
    if kind is None:
        return []
    wrapped: list[Any] = [module for module in reading.model.modules() if isinstance(module, kind)]
    groups = [(each.process_group, getattr(each, "_inter_node_pg", None)) for each in wrapped]
    return list({id(within): (within, between) for within, between in groups}.values())


def in_flat_tensors(reading: Reading) -> list[str]:
    """Return a sentence for each flat parameter that hides those of the model: FSDP1 without `use_orig_params`."""
    return [
        f"{parameter.name!r} is a flat parameter of FSDP, in which the parameters of {_inside(parameter)} have no "
        "names; wrap the model with FullyShardedDataParallel(model, use_orig_params=True) or fully_shard(model), or "
        "initialize it before it is wrapped"
        for parameter in reading.parameters
        if getattr(parameter.tensor, "_is_flat_param", False)
    ]


def flattened(reading: Reading) -> list[str]:
    """Return a sentence that names the parameters that FSDP1 has made flat, if there are any: their shapes are gone."""
    ranges = flat_ranges(reading)
    names = [name for name, (shape, _) in ranges.items() if reading[name].shape != shape]
    if not names:
        return []
    shown = ", ".join(map(repr, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return [
        f"{shown}: FSDP keeps parts of them in flat tensors, which have neither their shapes nor all elements; "
        "plan the model before it is wrapped, and apply the plan to the wrapped one"
    ]


def _inside(parameter: Parameter) -> str:
    return repr(parameter.module_name) if parameter.module_name else "the model"


def _views(module: Any) -> Iterator[tuple[Any, tuple[tuple[int, ...], int]]]:
    """Yield the views of the flat parameter of one wrapped module, while it is sharded."""
    flat: Any = getattr(vars(module).get("_handle"), "flat_param", None)  # for most modules a miss, which costs little
    infos = getattr(flat, "_shard_param_infos", None)
    if infos is None or flat._params is None:
        return
    for tensor, shape, info in zip(flat._params, flat._shapes, infos, strict=True):
        yield tensor, (tuple(shape), info.intra_param_start_idx or 0)
