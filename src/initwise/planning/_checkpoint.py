"""What a checkpoint says: the names that were loaded, with shapes where it has them, or the names that were not."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from initwise._arguments import nearest, show
from initwise.errors import ArgumentError, ArgumentTypeError

Shape = tuple[int, ...]

_LARGEST_HEADER = 100_000_000  # bytes; what the safetensors library allows
_INDEX = "model.safetensors.index.json"
_GIVE = (
    "give what load_state_dict(strict=False) returned, a state dict, names of missing parameters, or the path of a "
    "safetensors file, its index, or a folder of them"
)


@dataclass(frozen=True)
class Checkpoint:
    """What was loaded into a model, as far as its source says.

    Attributes:
        words: the source, as reasons name it.
        loaded: the names in the checkpoint with their shapes (None where unknown); None if only `missing` is known.
        missing: the names that the checkpoint lacks; None if only `loaded` is known.
        unexpected: names in the checkpoint that the model had no place for, where the source lists them.
    """

    words: str
    loaded: Mapping[str, Shape | None] | None = None
    missing: tuple[str, ...] | None = None
    unexpected: tuple[str, ...] = ()


def read_checkpoint(value: Any) -> Checkpoint:
    """Return what a result of `load_state_dict`, a state dict, missing names or a path says; no weight is read.

    Raises:
        ArgumentError: it is none of these, the file is missing or broken, or there are no names in it.
    """
    if isinstance(value, (str, os.PathLike)):
        return _from_path(Path(value))
    if hasattr(value, "missing_keys"):
        return _from_result(value.missing_keys, getattr(value, "unexpected_keys", ()))
    if isinstance(value, Mapping):
        if "missing_keys" in value:  # transformers' loading_info
            others = (value.get(key, ()) for key in ("unexpected_keys", "mismatched_keys"))
            return _from_result(value["missing_keys"], *others)
        return _from_mapping(value)
    if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray)):
        return Checkpoint("the checkpoint", missing=_names(value))
    raise ArgumentTypeError(f"checkpoint is {show(value)} of type {type(value).__name__}; {_GIVE}")


def _from_result(missing: Any, unexpected: Any, mismatched: Any = ()) -> Checkpoint:
    """Return a loader's report; what did not fit by its shape was not loaded either."""
    other = [entry[0] if isinstance(entry, tuple) else entry for entry in mismatched]
    return Checkpoint("the checkpoint", missing=_names([*missing, *other]), unexpected=_names(unexpected))


def _names(values: Iterable[Any]) -> tuple[str, ...]:
    names = tuple(values)
    other = next((name for name in names if not isinstance(name, str)), None)
    if other is not None:
        kind = type(other).__name__
        raise ArgumentTypeError(f"checkpoint holds {show(other)} of type {kind} among names; {_GIVE}")
    return names


def _from_mapping(value: Mapping[Any, Any]) -> Checkpoint:
    loaded = {name: _shape(entry) for name, entry in zip(_names(value), value.values(), strict=True)}
    if not loaded:
        raise ArgumentError("checkpoint is an empty mapping; give the state dict that was loaded")
    wrapped = next((name for name in ("state_dict", "model", "module") if isinstance(value.get(name), Mapping)), None)
    if wrapped is not None:
        raise ArgumentError(f"checkpoint holds a state dict under {wrapped!r}; give checkpoint[{wrapped!r}]")
    return Checkpoint("the state dict", loaded)


def _shape(entry: Any) -> Shape | None:
    shape = getattr(entry, "shape", entry if isinstance(entry, (tuple, list)) else None)
    try:
        return None if shape is None else tuple(int(size) for size in shape)
    except (TypeError, ValueError):
        return None


def _from_path(path: Path) -> Checkpoint:
    if path.is_dir():
        return _from_folder(path)
    if not path.is_file():
        folder = path.parent
        known = sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []
        raise ArgumentError(f"checkpoint: there is no file {str(path)!r}{nearest(path.name, known)}")
    if path.suffix == ".json":
        return Checkpoint(path.name, _indexed(path))
    if path.suffix == ".safetensors":
        return Checkpoint(path.name, _header(path))
    raise ArgumentError(
        f"checkpoint: {str(path)!r} is no safetensors file, and others are not read; load it yourself and give the "
        "state dict, such as torch.load(path, map_location='meta', weights_only=True)"
    )


def _from_folder(path: Path) -> Checkpoint:
    index = path / _INDEX
    if index.is_file():
        return Checkpoint(path.name, _indexed(index))
    shards = sorted(path.glob("*.safetensors"))
    if not shards:
        raise ArgumentError(f"checkpoint: the folder {str(path)!r} holds no safetensors file and no {_INDEX}")
    return Checkpoint(path.name, {name: shape for shard in shards for name, shape in _header(shard).items()})


def _indexed(path: Path) -> dict[str, Shape | None]:
    """Return the names in an index, with the shapes that the shards beside it tell."""
    try:
        places = dict(json.loads(path.read_text(encoding="utf-8"))["weight_map"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        said = f"{type(error).__name__}: {error}"
        raise ArgumentError(f"checkpoint: {str(path)!r} is no index of safetensors files ({said})") from error
    shards = sorted(set(places.values()))
    absent = [shard for shard in shards if not (path.parent / shard).is_file()]
    if absent:
        raise ArgumentError(f"checkpoint: {str(path)!r} names {', '.join(absent)}, and there is no such file beside it")
    found = {name: shape for shard in shards for name, shape in _header(path.parent / shard).items()}
    return {name: found.get(name) for name in places}


def _header(path: Path) -> dict[str, Shape | None]:
    """Return names and shapes from a file's header: its length (u64, little-endian), then JSON."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            entries = json.loads(file.read(min(length, _LARGEST_HEADER)))
        return {name: tuple(entry["shape"]) for name, entry in entries.items() if name != "__metadata__"}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArgumentError(f"checkpoint: {str(path)!r} is no readable safetensors file: {error}") from error
