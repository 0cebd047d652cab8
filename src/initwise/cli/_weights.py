"""Weights in files: a model's state as safetensors, ties once, and back into a model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from initwise.digests import Opened, open_files
from initwise.errors import DigestError, TargetError
from initwise.writing.files import write_file


@dataclass(frozen=True)
class Loaded:
    """What a file of weights and a model do not have in common, and what the file says of itself."""

    missing: tuple[str, ...]
    missing_buffers: tuple[str, ...]
    extra: tuple[str, ...]
    untied: tuple[str, ...]
    shapes: tuple[tuple[str, str, str], ...]  # name, shape in the file, shape in the model
    metadata: Mapping[str, str]


def save(model: nn.Module, path: Path, metadata: Mapping[str, str]) -> None:
    """Write the state of `model` to `path`. Of tied tensors the first name is kept; the metadata maps the others to it.

    This is how `safetensors.torch.save_model` and transformers write ties, so that both read the file back.
    """
    kept, aliases = _untie(model.state_dict())
    buffers = {name for name, _ in model.named_buffers(remove_duplicate=False)}
    told = {"buffers": json.dumps([name for name in kept if name in buffers])}  # a digest of the file asks
    try:
        write_file(path, kept, {**aliases, **metadata, **told, "format": "pt"})
    except OSError as error:
        raise TargetError(f"writing the weights failed: {error.strerror or error}; no file was left.") from error


def load(model: nn.Module, path: Path) -> Loaded:
    """Give `model` the parameters in `path`, whatever their shapes, on all their owners; what is missing stays."""
    return _load(model, read_weights(path))


def read_weights(path: Path) -> Opened:
    """Return the tensors in a safetensors file, an index or a folder; they are read when their values are needed."""
    try:
        return open_files(path) if path.is_dir() or path.name.endswith(".index.json") else _read_file(path)
    except DigestError as error:
        raise TargetError(f"--weights {'; '.join(error.problems)}.") from error


def _read_file(path: Path) -> Opened:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise TargetError(f"--weights {path}: there is no such file; give one that `initwise init` wrote.")
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys()
            return Opened({name: file.get_tensor(name) for name in names}, [file.metadata() or {}])
    except (OSError, SafetensorError) as error:
        raise TargetError(f"--weights {path}: this is no readable safetensors file: {error}.") from error


def _load(model: nn.Module, opened: Opened) -> Loaded:
    offered = opened.tensors
    metadata = {key: value for each in opened.metadata for key, value in each.items()}
    missing, untied, shapes = [], [], []
    for names in _tied_names(model):
        found = [name for name in names if name in offered]
        if not found:
            missing.append(names[0])
            continue
        tensor = offered[found[0]]
        expected = model.get_parameter(names[0]).shape
        if tensor.shape != expected:
            shapes.append((names[0], str(tuple(tensor.shape)), str(tuple(expected))))
        _replace(model, names, tensor)
        untied += [name for name in found[1:] if not torch.equal(tensor, offered[name])]
    known = dict(model.named_parameters(remove_duplicate=False))
    state = model.state_dict()
    buffers = sorted(name for name in state if name not in known and name not in offered)
    extra = sorted(set(offered) - set(state) - set(known))
    return Loaded(tuple(missing), tuple(buffers), tuple(extra), tuple(untied), tuple(shapes), metadata)


def _tied_names(model: nn.Module) -> Iterator[list[str]]:
    """For each parameter all its names, the first one first."""
    groups: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        groups.setdefault(id(parameter), []).append(name)
    yield from groups.values()


def _replace(model: nn.Module, names: list[str], tensor: Tensor) -> None:
    trained = model.get_parameter(names[0]).requires_grad and (tensor.is_floating_point() or tensor.is_complex())
    parameter = nn.Parameter(tensor, requires_grad=trained)
    for name in names:
        owner, _, attribute = name.rpartition(".")
        model.get_submodule(owner).register_parameter(attribute, parameter)


def _untie(state: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a state, each once, and for every name that was left out the one that was kept."""
    kept: dict[str, Tensor] = {}
    aliases: dict[str, str] = {}
    first: dict[Any, str] = {}
    for name, tensor in state.items():
        if not isinstance(tensor, Tensor):
            raise TargetError(f"{name}: its state is a {type(tensor).__name__}; a safetensors file holds tensors only.")
        place = (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype)
        if tensor.numel() and place in first:
            aliases[name] = first[place]
        else:
            first[place] = name
            kept[name] = tensor
    return kept, aliases
