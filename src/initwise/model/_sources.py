"""Which attributes of a module are computed, and from what."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.parametrize import ParametrizationList
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from initwise.model._hooked import Pruned, SpectralNormHook, WeightNormHook
from initwise.model._parametrizations import Parametrizations
from initwise.model._parametrized import Source


def source_of(module: nn.Module, attribute: str) -> Source | None:
    """Return what `attribute` of `module` is computed from, or None for an ordinary parameter."""
    lists = module._modules.get("parametrizations")
    chain = lists._modules.get(attribute) if isinstance(lists, nn.ModuleDict) else None
    if isinstance(chain, ParametrizationList):
        return Parametrizations(module, attribute, chain)
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, WeightNorm) and hook.name == attribute:
            return WeightNormHook(module, attribute, hook)
        if isinstance(hook, SpectralNorm) and hook.name == attribute:
            return SpectralNormHook(module, attribute, hook)
        if isinstance(hook, BasePruningMethod) and getattr(hook, "_tensor_name", None) == attribute:
            return Pruned(module, attribute, hook)
    return None


def hooked_by(module: nn.Module, registered: str) -> str | None:
    """Return the attribute that a forward pre-hook computes from the parameter `registered` of `module`, or None."""
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, WeightNorm) and registered in {f"{hook.name}_g", f"{hook.name}_v"}:
            return hook.name
        if isinstance(hook, SpectralNorm) and registered == f"{hook.name}_orig":
            return hook.name
        if isinstance(hook, BasePruningMethod) and registered == f"{hook._tensor_name}_orig":
            return str(hook._tensor_name)
    return None
