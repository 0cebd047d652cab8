"""The safetensors format, written so that the same weights and metadata give the same bytes.

The library's own writer orders the metadata at random, which no checksum of a file survives. The format is small: the
header's length (u64, little-endian), the header as JSON padded to 8 bytes, and the tensors' bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from initwise.errors import TargetError

_NAMES = {
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


def write_file(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors and their metadata to `path`: wide dtypes first, so that each starts aligned."""
    for name, tensor in tensors.items():
        if tensor.dtype not in _NAMES:
            raise TargetError(
                f"{name}: safetensors has no dtype {tensor.dtype}; allowed are {', '.join(map(str, _NAMES))}."
            )
    ordered = sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0]))
    with path.open("wb") as file:
        _write_header(file, ordered, metadata)
        for _, tensor in ordered:
            if tensor.numel():
                tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tofile(file)


def _write_header(file: BinaryIO, ordered: list[tuple[str, Tensor]], metadata: Mapping[str, str]) -> None:
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    start = 0
    for name, tensor in ordered:
        stop = start + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, stop]}
        start = stop
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
