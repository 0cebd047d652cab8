"""What a model stores, under the names that its digest counts it by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from torch import Tensor, nn

from initwise.model import Reading, canonical_name, is_parallel, join, walk

Buffers = bool | Literal["persistent"]


class Stored(NamedTuple):
    """A tensor of the model under its canonical name; of a parametrized weight, each tensor behind it."""

    kind: str
    name: str
    tensor: Tensor


def stored(reading: Reading, buffers: Buffers) -> list[Stored]:
    """Return parameters, each once under the first of its names, and buffers if they are asked for."""
    found = list(_parameters(reading))
    if buffers:
        seen: set[int] = set()
        for path, tensor, persistent in _buffers(reading.model):
            if id(tensor) not in seen and (persistent or buffers is True):
                seen.add(id(tensor))
                found.append(Stored("buffer", _canonical(reading, path), tensor))
    return found


def places(reading: Reading) -> dict[str, tuple[str, str]]:
    """Return, for each name that a file may have for a tensor of the model, its kind and the name that is counted."""
    first = {(entry.kind, id(entry.tensor)): entry.name for entry in reversed(stored(reading, "persistent"))}
    buffers = ((path, tensor) for path, tensor, persistent in _buffers(reading.model) if persistent)
    found: dict[str, tuple[str, str]] = {}
    for kind, tensors in (("parameter", _parameters_at(reading.model)), ("buffer", buffers)):
        for path, tensor in tensors:
            for name in (path, _canonical(reading, path)):
                found[name] = kind, first[kind, id(tensor)]
    return found


def _parameters(reading: Reading) -> Iterator[Stored]:
    tensors = dict(_parameters_at(reading.model))
    for parameter in reading.parameters:
        if parameter.parametrized:  # what is stored counts, not what is computed from it
            for path in parameter.originals:
                yield Stored("parameter", _canonical(reading, path), tensors[path])
        else:
            yield Stored("parameter", parameter.name, parameter.tensor)


def _parameters_at(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for prefix, module in walk(model):
        for name, tensor in module._parameters.items():  # noqa: SLF001 - of it alone, each under all its names
            if tensor is not None:
                yield join(prefix, name), tensor


def _buffers(model: nn.Module) -> Iterator[tuple[str, Tensor, bool]]:
    for prefix, module in walk(model):
        for name, tensor in module._buffers.items():  # noqa: SLF001 - as above
            if tensor is not None:
                yield join(prefix, name), tensor, name not in module._non_persistent_buffers_set  # noqa: SLF001


def _canonical(reading: Reading, path: str) -> str:
    return canonical_name(path, parallel=is_parallel(reading.model))
