"""Structures that hold tensors: tuples, lists, mappings, dataclasses and the outputs of transformers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor


def mapped(structure: Any, change: Callable[[Tensor], Any]) -> Any:
    """Return the structure with every tensor in it replaced; slices count, other objects stay as they are."""
    if isinstance(structure, Tensor):
        return change(structure)
    kind = type(structure)
    if kind is tuple or kind is torch.Size:
        return tuple(mapped(each, change) for each in structure) if structure else structure
    if kind is list:
        return [mapped(each, change) for each in structure]
    if kind is dict:
        return {key: mapped(each, change) for key, each in structure.items()}
    if kind is slice:
        return slice(*(mapped(each, change) for each in (structure.start, structure.stop, structure.step)))
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return kind(*(mapped(each, change) for each in structure))
    if isinstance(structure, (tuple, list)):
        found = [mapped(each, change) for each in structure]
        return found if all(new is old for new, old in zip(found, structure, strict=True)) is False else structure
    return structure


def tensors(structure: Any, depth: int = 12) -> Iterator[Tensor]:
    """Yield every tensor in a structure, in order, objects with attributes (caches, outputs) included."""
    if isinstance(structure, Tensor):
        yield structure
    elif depth == 0 or structure is None or isinstance(structure, (str, bytes, int, float, torch.nn.Module, type)):
        return
    elif isinstance(structure, Mapping):
        for each in structure.values():
            yield from tensors(each, depth - 1)
    elif isinstance(structure, (tuple, list, set, frozenset)):
        for each in structure:
            yield from tensors(each, depth - 1)
    elif isinstance(structure, slice):
        yield from tensors((structure.start, structure.stop, structure.step), depth - 1)
    elif dataclasses.is_dataclass(structure):
        for each in dataclasses.fields(structure):
            yield from tensors(getattr(structure, each.name, None), depth - 1)
    elif hasattr(structure, "__dict__") and type(structure).__module__.partition(".")[0] not in {"torch", "builtins"}:
        yield from tensors(vars(structure), depth - 1)
