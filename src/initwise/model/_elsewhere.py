"""Parameters whose elements are elsewhere: in FSDP1's flat tensors, DeepSpeed's partitions, accelerate's hooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from initwise.model._flat_params import in_flat_tensors
from initwise.model._parameters import Parameter, Reading


def hiding(reading: Reading) -> list[str]:
    """Return a sentence for each way in which shapes or names of parameters are hidden; empty if none are."""
    return [*in_flat_tensors(reading), *_partitioned(reading)]


def elsewhere(reading: Reading) -> list[str]:
    """Return a sentence for each way in which elements of parameters are out of reach, shapes known or not."""
    return [*hiding(reading), *_offloaded(reading)]


def is_partitioned(tensor: Tensor) -> bool:
    """Tell whether DeepSpeed's `zero.Init` has taken the elements of a parameter, and nobody has gathered them."""
    whole: Any = getattr(tensor, "ds_shape", None)
    return whole is not None and tuple(tensor.shape) != tuple(whole)


def _partitioned(reading: Reading) -> list[str]:
    found = [parameter for parameter in reading.parameters if any(map(is_partitioned, parameter.tensors))]
    if not found:
        return []
    return [
        f"{_named(found)} partitioned by DeepSpeed (zero.Init), and empty here; do this within "
        "deepspeed.zero.GatheredParameters(list(model.parameters()), modifier_rank=0); a plan can be made from the "
        "same model built without zero.Init, on the meta device for example"
    ]


def _offloaded(reading: Reading) -> list[str]:
    hooks = ((name, vars(module).get("_hf_hook")) for name, module in reading.modules.items())  # a miss costs little
    holders = {name for name, hook in hooks if hook is not None and _offloads(hook)}
    if not holders:
        return []
    found = [
        parameter
        for parameter in reading.parameters
        if parameter.tensor.is_meta and any(_within(parameter.module_name, holder) for holder in holders)
    ]
    if not found:
        return []
    return [
        f"{_named(found)} offloaded by accelerate, whose hooks hold their values and put them back before each forward "
        "pass; do this before dispatch_model and cpu_offload, or take the hooks off: "
        "accelerate.hooks.remove_hook_from_submodules(model)"
    ]


def _offloads(hook: Any) -> bool:
    hooks = (hook, *getattr(hook, "hooks", ()))
    return any(getattr(each, "offload", False) and hasattr(each, "weights_map") for each in hooks)


def _within(name: str, holder: str) -> bool:
    return not holder or name == holder or name.startswith(f"{holder}.")


def _named(parameters: Sequence[Parameter]) -> str:
    names = [repr(parameter.name) for parameter in parameters]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more} {'are' if len(names) > 1 else 'is'}"
