"""Which models there are at the end of a block, and what their tensors are called."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from torch.nn.parameter import is_lazy

from initwise.model import canonical_name
from initwise.provenance._memory import Memory, Registry


@dataclass(frozen=True, slots=True)
class Place:
    """A tensor of a model: its names, the first of which is its own, and where the first is registered."""

    names: tuple[str, ...]
    tensor: Tensor
    kind: Literal["parameter", "buffer"]
    module: nn.Module
    attribute: str


class Modules:
    """The modules that something was registered in during the block, and the memories that were registered."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._seen: dict[int, weakref.ref[nn.Module]] = {}
        self._held: dict[tuple[int, str], list[Memory]] = {}
        self._handles: list[Any] = []

    def watch(self) -> None:
        """Be told of each registration from now on."""
        self._handles = [
            register_module_parameter_registration_hook(self._tensor),
            register_module_buffer_registration_hook(self._tensor),
            register_module_module_registration_hook(self._module),
        ]

    def rest(self) -> None:
        """Be told no more."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def alive(self) -> list[nn.Module]:
        """Return the modules that were seen and still exist."""
        return [module for seen in self._seen.values() if (module := seen()) is not None]

    def earlier(self, place: Place) -> list[Memory]:
        """Return the memories that were registered at a place before the one that is there now."""
        found = self._held.get((id(place.module), place.attribute), [])
        now = self._registry.find(place.tensor)
        return [memory for memory in found if memory is not now]

    def _tensor(self, module: nn.Module, name: str, tensor: Tensor | None) -> None:
        self._module(module)
        # What was written on the meta device was written nowhere.
        memory = None if tensor is None or is_lazy(tensor) or tensor.is_meta else self._registry.find(tensor)
        if memory is not None:
            self._held.setdefault((id(module), name), []).append(memory)

    def _module(self, module: nn.Module, *_: Any) -> None:
        seen = self._seen.get(id(module))
        if seen is None or seen() is not module:
            for key in [key for key in self._held if key[0] == id(module)] if seen is not None else ():
                del self._held[key]
            self._seen[id(module)] = weakref.ref(module)


def roots(modules: Collection[nn.Module]) -> list[nn.Module]:
    """Return the modules that have tensors and are nobody's child."""
    children = {id(child) for module in modules for child in module._modules.values() if child is not None}
    return [module for module in modules if id(module) not in children and next(tensors(module), None) is not None]


def owners(memories: Iterable[Memory], registry: Registry) -> list[nn.Module]:
    """Search the process for the models that hold one of these memories."""
    wanted = {id(memory) for memory in memories}
    everywhere = [each for each in gc.get_objects() if _is_module(each)]
    return [root for root in roots(everywhere) if any(id(registry.find(tensor)) in wanted for tensor in tensors(root))]


def places(root: nn.Module, prefix: str) -> Iterator[Place]:
    """Yield every parameter, then every buffer of a model, once, under all of its names."""
    modules = list(root.named_modules(remove_duplicate=False))
    for kind in ("parameter", "buffer"):
        found: dict[int, list[tuple[str, Tensor, nn.Module, str]]] = {}
        for path, module in modules:
            held = module._parameters if kind == "parameter" else module._buffers
            for attribute, tensor in held.items():
                if tensor is not None:
                    name = prefix + canonical_name(f"{path}.{attribute}" if path else attribute)
                    found.setdefault(id(tensor), []).append((name, tensor, module, attribute))
        for same in found.values():
            names = tuple(dict.fromkeys(each[0] for each in same))
            yield Place(names, same[0][1], "parameter" if kind == "parameter" else "buffer", *same[0][2:])


def tensors(module: nn.Module) -> Iterator[Tensor]:
    """Yield the parameters and buffers of a model."""
    for part in module.modules():
        for held in (part._parameters, part._buffers):
            yield from (tensor for tensor in held.values() if tensor is not None)


def prefixes(models: Collection[nn.Module]) -> list[str]:
    """Return what goes before the names of each model: nothing where there is one, else its class.

    >>> prefixes([nn.Linear(1, 1)]), prefixes([nn.Linear(1, 1), nn.Linear(1, 1), nn.Conv1d(1, 1, 1)])
    ([''], ['Linear.', 'Linear#2.', 'Conv1d.'])
    """
    if len(models) < 2:
        return [""] * len(models)
    counts: dict[str, int] = {}
    found = []
    for model in models:
        kind = type(model).__name__
        counts[kind] = counts.get(kind, 0) + 1
        found.append(f"{kind}." if counts[kind] == 1 else f"{kind}#{counts[kind]}.")
    return found


def _is_module(value: Any) -> bool:
    # Not isinstance: it asks the object for its class, and lazy stand-ins then import what they stand for.
    return issubclass(type(value), nn.Module) and "_parameters" in vars(value)
