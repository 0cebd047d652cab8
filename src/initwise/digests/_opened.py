"""Files of weights, opened: tensors that lie in the file, mapped into memory, and are read when they are needed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from initwise.errors import DigestError

UNFINISHED = "initwise-unfinished.json"  # stands in a folder while weights are written into it
INDEXES = (".safetensors.index.json", ".bin.index.json")
CHECKPOINTS = (".bin", ".pt", ".pth", ".ckpt")
SUPPORTED = (
    "a .safetensors file, an index (.safetensors.index.json), a folder of them, or a checkpoint of torch "
    "(.bin, .pt, .pth, .ckpt) that is a dictionary of tensors"
)


class Opened(NamedTuple):
    """Tensors by the names that the files give them, and what the files say of themselves."""

    tensors: dict[str, Tensor]
    metadata: list[Mapping[str, str]]


def open_files(path: Path) -> Opened:
    """Open a file of weights, an index of such files, or a folder.

    Raises:
        DigestError: a file is missing, of another kind, or damaged; or an index and its files contradict each other.
    """
    wanted, files = _files(path)
    tensors: dict[str, Tensor] = {}
    metadata: list[Mapping[str, str]] = []
    origin: dict[str, Path] = {}
    problems: list[str] = []
    for file in files:
        opened = _open(file)
        metadata += opened.metadata
        for name, tensor in opened.tensors.items():
            if wanted is not None and wanted.get(name) != file:
                continue  # left in the file by whoever wrote the index
            if name in origin:
                problems.append(f"{name!r} is in {origin[name]} and in {file}; keep one, or write an index")
            origin[name], tensors[name] = file, tensor
    problems += [f"{path} says that {name!r} is in {file}, which has no such tensor"
                 for name, file in (wanted or {}).items() if name not in tensors]  # fmt: skip
    if problems:
        raise DigestError("digest", problems)
    return Opened(tensors, metadata)


def _files(path: Path) -> tuple[dict[str, Path] | None, list[Path]]:
    """Return the files to read, and of an index the file of each tensor."""
    if path.is_dir():
        inside = _within(path)
        return (None, inside) if len(inside) > 1 else _files(inside[0])
    if not path.is_file():
        raise DigestError("digest", [f"{path}: there is no such file or folder; give {SUPPORTED}"])
    return _indexed(path) if path.name.endswith(".json") else (None, [path])


def _within(folder: Path) -> list[Path]:
    """Return what to read of a folder: its index, or all its files of the first kind that it has."""
    names = sorted(each for each in folder.iterdir() if each.is_file())
    if folder / UNFINISHED in names:
        raise DigestError(
            "digest", [f"{folder}: weights are being written here, or that was interrupted ({UNFINISHED}); finish it"]
        )
    for ending in (INDEXES[0], ".safetensors", INDEXES[1], CHECKPOINTS):
        found = [each for each in names if each.name.endswith(ending)]
        if len(found) > 1 and ending != ".safetensors":
            told = ", ".join(each.name for each in found)
            raise DigestError("digest", [f"{folder}: it holds {told}; give the path of one of them"])
        if found:
            return found
    raise DigestError("digest", [f"{folder}: this folder holds no weights; give {SUPPORTED}"])


def _indexed(index: Path) -> tuple[dict[str, Path], list[Path]]:
    try:
        data = json.loads(index.read_text(encoding="utf-8"))
        wanted = {str(name): index.parent / file for name, file in data["weight_map"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise DigestError("digest", [f"{index}: this is no index of weights ({reason})"]) from error
    files = sorted(set(wanted.values()))
    missing = [f"{index} names {file.name}, and there is no such file" for file in files if not file.is_file()]
    if missing:
        raise DigestError("digest", missing)
    return wanted, files


def _open(file: Path) -> Opened:
    try:
        if file.suffix == ".safetensors":
            return _open_safetensors(file)
        if file.suffix in CHECKPOINTS:
            return _open_checkpoint(file)
    except DigestError:
        raise
    except Exception as error:  # what a damaged file raises, is up to the library that reads it
        raise DigestError("digest", [f"{file}: it cannot be read ({type(error).__name__}: {error})"]) from error
    raise DigestError("digest", [f"{file}: this is no file of weights; give {SUPPORTED}"])


def _open_safetensors(file: Path) -> Opened:
    from safetensors import safe_open

    with safe_open(file, framework="pt") as opened:
        return Opened({name: opened.get_tensor(name) for name in opened.keys()}, [opened.metadata() or {}])  # noqa: SIM118


def _open_checkpoint(file: Path) -> Opened:
    data: Any = torch.load(file, map_location="cpu", mmap=True, weights_only=True)
    if isinstance(data, Mapping) and isinstance(data.get("state_dict"), Mapping):  # as Lightning writes
        data = data["state_dict"]
    if not isinstance(data, Mapping) or not all(isinstance(each, Tensor) for each in data.values()):
        raise DigestError("digest", [f"{file}: it holds more than a dictionary of tensors; store model.state_dict()"])
    return Opened(dict(_once(data)), [])


def _once(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Yield tensors without further names of the same memory, which are ties."""
    seen = set()
    for name, tensor in tensors.items():
        place = (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype)
        if not tensor.numel() or place not in seen:
            seen.add(place)
            yield str(name), tensor
