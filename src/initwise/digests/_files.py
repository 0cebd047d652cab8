"""Weights in files as parts of a digest: which tensors there are, which of them are buffers, what they are called."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from initwise.digests._lanes import Lanes
from initwise.digests._opened import Opened, open_files
from initwise.digests._stored import Buffers, places, stored
from initwise.digests._sums import Part, summed
from initwise.errors import DigestError
from initwise.model import canonical_name, read
from initwise.shards import held

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


class FileSums(NamedTuple):
    """What a digest of files counted, a sum for each part, and what nobody said of them."""

    parts: list[Part]
    lanes: list[Lanes]
    notes: list[str]


@dataclass
class _Found:
    parts: list[Part] = field(default_factory=list)
    again: dict[int, list[Part]] = field(default_factory=dict)  # other names of a tied parameter, by its place in parts
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_files(path: Path, *, buffers: Buffers = False, like: nn.Module | None = None) -> FileSums:
    """Sum the tensors in a file of weights, an index of such files, or a folder.

    Without `like` a tensor counts under the name that the file keeps, which `initwise init` and transformers take to be
    the first of a tied parameter, and is a parameter unless the file's metadata, as `initwise init` writes it, lists it
    among the buffers.

    Raises:
        DigestError: a file is missing or cannot be read, or model and files do not fit.
    """
    opened = open_files(path)
    found = _by_names(opened, buffers) if like is None else _by_model(opened, buffers, like)
    if found.problems:
        raise DigestError("digest", found.problems)
    lanes = summed(found.parts)
    for place, others in found.again.items():
        for other, sums in zip(others, summed(others), strict=True):
            if sums != lanes[place]:
                name = found.parts[place].name
                found.problems.append(f"{name!r} is tied in the model, and has two values in {path}: {other.shape}")
    if found.problems:
        raise DigestError("digest", found.problems)
    return FileSums(found.parts, lanes, found.notes)


def _by_names(opened: Opened, buffers: Buffers) -> _Found:
    found = _Found()
    known = _buffers(opened.metadata)
    names: defaultdict[str, list[str]] = defaultdict(list)
    for raw, tensor in opened.tensors.items():
        name = canonical_name(raw)
        names[name].append(raw)
        kind = "buffer" if raw in (known or ()) or name in (known or ()) else "parameter"
        if kind == "parameter" or buffers:
            found.parts.append(_part(kind, name, tensor))
    found.problems += [
        f"{' and '.join(map(repr, several))} have one canonical name, {name!r}; give like= a model, or one file"
        for name, several in names.items()
        if len(several) > 1
    ]
    if known is None and any(name.rpartition(".")[2] in STATISTICS for name in names):
        found.notes.append(
            "the files do not say which tensors are buffers, and some look like them (running_mean and kin): all are "
            "counted as parameters; like= (--like TARGET) tells them apart"
        )
    return found


def _by_model(opened: Opened, buffers: Buffers, like: nn.Module) -> _Found:
    found, reading = _Found(), read(like)
    known = places(reading)
    here: dict[tuple[str, str], int] = {}
    for raw, tensor in opened.tensors.items():
        place = known.get(raw) or known.get(canonical_name(raw))
        if place is None:
            found.problems.append(f"{raw!r} is in the files, and the model has no such tensor")
            continue
        part = _part(*place, tensor)
        if place in here:
            found.again.setdefault(here[place], []).append(part)
        elif part.kind == "parameter" or buffers:
            here[place] = len(found.parts)
            found.parts.append(part)
    for kind, name, _ in stored(reading, "persistent" if buffers else False):
        if (kind, name) not in here:
            found.problems.append(f"{name!r} is a {kind} of the model, and the files have no such tensor")
    return found


def _part(kind: str, name: str, tensor: Tensor) -> Part:
    return Part(kind, name, tensor.dtype, tuple(tensor.shape), held(tensor).pieces)


def _buffers(metadata: Iterable[Mapping[str, str]]) -> frozenset[str] | None:
    """Return the buffers that the files speak of; None where none says anything."""
    said = [each["buffers"] for each in metadata if "buffers" in each]
    try:
        return frozenset(str(name) for names in said for name in json.loads(names)) if said else None
    except (ValueError, TypeError):
        return None  # another program's word
