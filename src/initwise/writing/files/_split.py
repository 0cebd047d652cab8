"""Which tensors go into which file, as Hugging Face's libraries divide a state among shards."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from initwise.writing.files._entries import Contents, Entry
from initwise.writing.files._safetensors import header, in_order

INDEX = "model.safetensors.index.json"


@dataclass(frozen=True, eq=False)
class PartFile:
    """A file of weights as it shall be: its name, the tensors in the order of the file, and all bytes before them."""

    name: str
    entries: tuple[Entry, ...] = field(repr=False)
    header: bytes = field(repr=False)

    @cached_property
    def nbytes(self) -> int:
        """The size of the file."""
        return len(self.header) + sum(entry.nbytes for entry in self.entries)


def split(contents: Contents, most: int, metadata: Mapping[str, str]) -> list[PartFile]:
    """Return the files of a state: tensors in their order, a new file where one does not fit into `most` bytes.

    A tensor of more than that has a file of its own. One file is called `model.safetensors`, several
    `model-00001-of-00003.safetensors` and so on.
    """
    groups = _groups(contents.entries, most)
    return [
        _part_file(_file_name(number, len(groups)), group, contents, metadata)
        for number, group in enumerate(groups, start=1)
    ]


def index(parts: Sequence[PartFile], metadata: Mapping[str, str]) -> bytes | None:
    """Return the index of several files, as transformers writes and reads it; None for one file, which needs none."""
    if len(parts) == 1:
        return None
    entries = {entry.name: entry for part in parts for entry in part.entries}
    told = {
        **metadata,
        "total_size": sum(entry.nbytes for entry in entries.values()),
        "total_parameters": sum(entry.nbytes // entry.dtype.itemsize for entry in entries.values() if not entry.buffer),
    }
    files = {entry.name: part.name for part in parts for entry in part.entries}
    text = json.dumps({"metadata": told, "weight_map": files}, indent=2, sort_keys=True, ensure_ascii=False)
    return f"{text}\n".encode()


def _groups(entries: Sequence[Entry], most: int) -> list[list[Entry]]:
    groups: list[list[Entry]] = []
    here: list[Entry] = []
    size = 0
    for entry in entries:
        if entry.nbytes > most:
            groups.append([entry])
            continue
        if size + entry.nbytes > most:
            groups.append(here)
            here, size = [], 0
        here.append(entry)
        size += entry.nbytes
    if here or not groups:
        groups.append(here)
    return groups


def _part_file(name: str, group: Sequence[Entry], contents: Contents, metadata: Mapping[str, str]) -> PartFile:
    here = {entry.name for entry in group}
    aliases = {alias: kept for alias, kept in contents.aliases.items() if kept in here}
    buffers = json.dumps([entry.name for entry in group if entry.buffer])  # a digest of the file asks
    order = in_order(group)
    told = {**aliases, **metadata, "buffers": buffers, "format": "pt"}
    return PartFile(name, tuple(order), header(order, told))


def _file_name(number: int, count: int) -> str:
    return "model.safetensors" if count == 1 else f"model-{number:05d}-of-{count:05d}.safetensors"
