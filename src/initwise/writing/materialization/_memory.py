"""New memory for tensors on meta, and changing places with it: each tensor stays the object that it was."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from initwise.shards import is_sharded
from initwise.writing._poison import poison


class Memory:
    """Memory on one device for tensors on meta: poisoned, of their sizes and strides, and shared where they share it.

    `move_in` lets every tensor change places with its counterpart: objects, attributes, hooks, ties and references to
    them stay. `move_out` puts all back.
    """

    def __init__(self, tensors: Iterable[Tensor], device: torch.device) -> None:
        self.device = device
        self._storages: dict[int, torch.UntypedStorage] = {}
        self._moved: list[tuple[Tensor, Tensor]] = []
        self._pairs = [(tensor, self._counterpart(tensor)) for tensor in tensors]

    def move_in(self) -> None:
        """Give all tensors their memory."""
        for tensor, made in self._pairs:
            _swap(tensor, made)
            self._moved.append((tensor, made))

    def move_out(self) -> None:
        """Put all tensors back on meta."""
        while self._moved:
            _swap(*self._moved.pop())

    def _counterpart(self, tensor: Tensor) -> Tensor:
        if is_sharded(tensor):
            from torch.distributed.tensor import DTensor

            sharded: Any = tensor
            local = self._plain(sharded._local_tensor)
            return DTensor(local, sharded._spec, requires_grad=tensor.requires_grad)
        return self._plain(tensor).requires_grad_(tensor.requires_grad)

    def _plain(self, tensor: Tensor) -> Tensor:
        old = tensor.untyped_storage()
        storage = self._storages.get(old._cdata)
        if storage is None:
            new = torch.empty(old.nbytes(), dtype=torch.uint8, device=self.device).untyped_storage()
            storage = self._storages[old._cdata] = new
        made = torch.empty(0, dtype=tensor.dtype, device=self.device)
        made.set_(storage, tensor.storage_offset(), tensor.size(), tensor.stride())
        poison(made)
        return made


def _swap(one: Any, other: Any) -> None:
    """Let two tensors change their contents; hooks on gradients follow the object, as its attributes do.

    `torch.utils.swap_tensors` does the same and refuses tensors that somebody refers to weakly, as recurrent layers do.
    """
    torch._C._swap_tensor_impl(one, other)
    if is_sharded(one):
        for name in ("_local_tensor", "_spec"):
            first, second = getattr(one, name), getattr(other, name)
            setattr(one, name, second)
            setattr(other, name, first)
    for tensor in (one, other):
        for hooks in ("_backward_hooks", "_post_accumulate_grad_hooks"):
            if getattr(tensor, hooks, None) is not None:
                setattr(tensor, hooks, getattr(tensor, hooks))


def settle(model: nn.Module) -> None:
    """Tell modules that keep memory of their own about parameters: recurrent layers, and `fully_shard`."""
    for module in model.modules():
        if isinstance(module, nn.RNNBase):
            module.flatten_parameters()
        sharded: Any = module
        state = sharded._get_fsdp_state() if hasattr(module, "_get_fsdp_state") else None
        if state is None:
            continue
        groups = getattr(state, "_fsdp_param_groups", None) or [getattr(state, "_fsdp_param_group", None)]
        with torch.no_grad():
            for group in groups:
                for each in group.fsdp_params if group is not None else ():
                    each.reset_sharded_param()
