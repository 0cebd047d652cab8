"""Digests against plain reads of the same memory: `python -m benchmarks.digests`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import initwise as iw
from benchmarks.fills import threads
from benchmarks.machine import machine
from benchmarks.measure import medians
from initwise.shards import Slice

ROWS, COLUMNS = 50_000, 4_096
AT_LEAST = 0.5  # of the speed of a plain read


def holding(tensor: Tensor) -> nn.Module:
    """A model with one parameter."""
    model = nn.Module()
    model.register_parameter("weight", nn.Parameter(tensor, requires_grad=False))
    return model


def read(tensor: Tensor) -> Callable[[], object]:
    """A plain read: torch's sum of the same bytes, as float32."""
    return tensor.view(-1).view(torch.float32).sum


def cases(dtype: torch.dtype) -> Iterator[tuple[str, Tensor, Callable[[], object]]]:
    """What is digested: its name, the memory that is read, and the call."""
    whole = torch.zeros(ROWS, COLUMNS, dtype=dtype)
    model = holding(whole)
    yield "whole", whole, lambda: iw.digest(model)
    across = holding(torch.zeros(COLUMNS, ROWS // 4, dtype=dtype).t())
    yield "transposed", across.get_parameter("weight").t(), lambda: iw.digest(across)
    for what, first, last in (("columns, a half", 0, COLUMNS // 2), ("columns, odd", 1_001, 1_001 + COLUMNS // 2 + 4)):
        part = whole[:, first:last].contiguous()
        shards, shard = {"weight": Slice((ROWS, COLUMNS), (0, first))}, holding(part)
        yield what, part, lambda shard=shard, shards=shards: iw.digest(shard, shards=shards, group=False)  # type: ignore[misc]


def file_case(folder: str) -> tuple[str, Tensor, Callable[[], object]]:
    """A safetensors file, in the system's cache after the first round."""
    tensor = torch.zeros(ROWS, COLUMNS // 4)
    path = Path(folder) / "weights.safetensors"
    save_file({"weight": tensor}, path)
    return "a safetensors file", tensor, lambda: iw.digest(path)


def line(what: str, dtype: torch.dtype, count: int, tensor: Tensor, work: Callable[[], object]) -> str:
    """One row of the table."""
    taken = medians({"read": read(tensor), "digest": work})
    size = tensor.numel() * tensor.element_size() / 1e9
    ratio = taken["read"] / taken["digest"]
    speeds = f"{size / taken['read']:.1f} | {size / taken['digest']:.1f}"
    name = str(dtype).removeprefix("torch.")
    return f"| {what} | {name} | {count} | {speeds} | **{ratio:.2f}**{'' if ratio >= AT_LEAST else ' (below)'} |"


def main() -> None:
    """Print the table."""
    print(f"{ROWS:,} x {COLUMNS:,}; medians of five, in turns. {machine()}\n")
    print("| what | dtype | threads | plain read, GB/s | digest, GB/s | ratio |\n|---|---|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        for count in (1, torch.get_num_threads()):
            with threads(count):
                for dtype in (torch.float32, torch.bfloat16, torch.float8_e4m3fn):
                    for what, tensor, work in cases(dtype):
                        print(line(what, dtype, count, tensor, work), flush=True)
                what, tensor, work = file_case(folder)
                print(line(what, torch.float32, count, tensor, work), flush=True)


if __name__ == "__main__":
    main()
