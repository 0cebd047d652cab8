"""What stands behind a parametrized parameter: its originals and buffers, also where the model has no memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.nn.utils.spectral_norm import SpectralNorm

from initwise.errors import ArgumentError
from initwise.model import Parameter
from initwise.model.graph._twin import twin
from initwise.planning import Row
from initwise.writing import drawn_through


@dataclass(frozen=True, eq=False)
class Behind:
    """Values of what a weight is computed from.

    Attributes:
        tensors: by the identity of the model's own tensor.
        buffers: by the identity of the model's own module, and the buffer's name there.
    """

    tensors: dict[int, Tensor]
    buffers: dict[tuple[int, str], Tensor]


def behind(parameter: Parameter, row: Row, seed: int) -> Behind:
    """Return what `apply` would write behind a parametrized parameter, and what is kept there; nothing changes.

    Where it has no memory, a copy of the modules that own it is given some.

    Raises:
        InitwiseError: there are no such values.
    """
    if any(tensor.is_meta for tensor in parameter.tensors):
        return _without_memory(parameter, row, seed)
    found = drawn_through(parameter, row, seed)
    kept = {id(tensor): tensor.detach() for tensor in parameter.tensors}
    written = {id(old): new for old, new in found.tensors}
    return Behind(kept | written, {(id(module), name): values for module, name, values in found.buffers})


def _without_memory(parameter: Parameter, row: Row, seed: int) -> Behind:
    modules = {id(owner.module): owner.module for owner in parameter.owners}
    copies = {identity: _with_memory(module) for identity, module in modules.items()}
    of = {
        id(copied): original
        for identity, module in modules.items()
        for copied, original in zip(_parts(copies[identity]), _parts(module), strict=True)
    }
    owners = tuple(owner._replace(module=copies[id(owner.module)]) for owner in parameter.owners)
    largest = next(part for copied in copies.values() for part in _parts(copied) if of[id(part)] is parameter.tensor)
    found = drawn_through(replace(parameter, owners=owners, tensor=largest), row, seed)
    written = {id(of[id(old)]): new for old, new in found.tensors if new.data_ptr() != old.data_ptr()}
    if any(id(tensor) not in written for tensor in parameter.tensors):
        raise ArgumentError("a part of it is frozen, and has no values on the meta device; build the model with memory")
    return Behind(written, {(id(of[id(module)]), name): values for module, name, values in found.buffers})


def _with_memory(module: nn.Module) -> nn.Module:
    """Return a copy of a module on the CPU, zeros in place of what has no values."""
    copied, _ = twin(module)
    made: nn.Module = copied._apply(lambda each: torch.zeros(each.shape, dtype=each.dtype) if each.is_meta else each)  # noqa: SLF001
    return made


def _parts(module: nn.Module) -> Iterator[Any]:
    """Yield a module's modules and parameters, in an order that a copy has too."""
    yield from module.modules()
    yield from module.parameters()


def vectors(module: nn.Module) -> dict[str, str]:
    """Return the buffers in which a module keeps the singular vectors of a spectral norm, with the weight of each.

    The weight is "" where the module is the norm of one.
    """
    if isinstance(module, _SpectralNorm):
        return dict.fromkeys((name for name, _ in module.named_buffers(recurse=False)), "")
    hooks = [hook for hook in vars(module)["_forward_pre_hooks"].values() if isinstance(hook, SpectralNorm)]
    return {f"{hook.name}_{end}": hook.name for hook in hooks for end in "uv"}


def without_vectors(copied: nn.Module) -> None:
    """Take the values of these buffers from a copy: they are those of the weight that was there before."""
    for module in copied.modules():
        for name in vectors(module):
            setattr(module, name, torch.empty_like(module.get_buffer(name), device="meta"))
