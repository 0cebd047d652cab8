"""The safetensors format, written so that the same weights and metadata give the same bytes.

The library's own writer orders the metadata at random, which no checksum of a file survives. The format is small: the
header's length (u64, little-endian), the header as JSON padded to 8 bytes, and the tensors' bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from initwise.errors import TargetError

NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.complex64: "C64",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint64: "U64",
    torch.uint32: "U32",
    torch.uint16: "U16",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


class Described(Protocol):
    """What a header says of a tensor."""

    @property
    def name(self) -> str:
        """The name in the file."""

    @property
    def shape(self) -> Sequence[int]:
        """The sizes along its axes."""

    @property
    def dtype(self) -> torch.dtype:
        """One of `NAMES`."""


_Entry = TypeVar("_Entry", bound=Described)


def write_file(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors and their metadata to `path`.

    Raises:
        TargetError: the format has no such dtype.
    """
    for name, tensor in tensors.items():
        if (problem := unknown_dtype(name, tensor.dtype)) is not None:
            raise TargetError(f"{problem}.")
    order = in_order(_Named(name, tensor) for name, tensor in tensors.items())
    with path.open("wb") as file:
        file.write(header(order, metadata))
        for entry in order:
            if entry.tensor.numel():
                as_bytes(entry.tensor.detach().cpu().reshape(-1)).numpy().tofile(file)


def unknown_dtype(name: str, dtype: torch.dtype) -> str | None:
    """Return what is wrong with a dtype that the format lacks, or None."""
    if dtype in NAMES:
        return None
    return f"{name}: safetensors has no dtype {dtype}; allowed are {', '.join(map(str, NAMES))}"


def in_order(entries: Iterable[_Entry]) -> list[_Entry]:
    """Return tensors in the order of a file: wide dtypes first, so that each starts aligned, then by name."""
    return sorted(entries, key=lambda entry: (-entry.dtype.itemsize, entry.name))


def header(order: Iterable[Described], metadata: Mapping[str, str]) -> bytes:
    """Return all that stands before the tensors' bytes, which follow without gaps in the order given."""
    told: dict[str, object] = {"__metadata__": dict(metadata)}
    start = 0
    for entry in order:
        stop = start + math.prod(entry.shape) * entry.dtype.itemsize
        told[entry.name] = {
            "dtype": NAMES[entry.dtype],
            "shape": list(entry.shape),
            "data_offsets": [start, stop],
        }
        start = stop
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def as_bytes(flat: Tensor) -> Tensor:
    """Return the bytes of a contiguous tensor of one axis."""
    return flat.view(torch.uint8)


class _Named:
    """A tensor with its name."""

    def __init__(self, name: str, tensor: Tensor) -> None:
        self.name, self.tensor = name, tensor
        self.shape, self.dtype = tuple(tensor.shape), tensor.dtype
