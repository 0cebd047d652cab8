"""Fill a tensor in place, on its device, whatever its strides."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from numpy.typing import NDArray

from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.random import _cpu
from initwise.random._bounds import StorageName
from initwise.random._draws import Draw
from initwise.random._keys import Key
from initwise.random._layout import OPERATION, layout, row_major
from initwise.random._lowering import lower

STORAGE_NAMES: dict[torch.dtype, StorageName] = {
    torch.float32: "float32",
    torch.bfloat16: "bfloat16",
    torch.float16: "float16",
    torch.float64: "float64",
}

_COPY_CHUNK = 2**22  # elements that pass through the CPU at a time on their way to another device
_HOLDERS = {torch.bfloat16: torch.int16, torch.float16: torch.uint16}


def check_draw(draw: Draw, dtype: torch.dtype) -> None:
    """Refuse a draw that `fill` could not write into a tensor of this dtype (or into the halves of a complex one).

    Raises:
        ArgumentError: the dtype has no number within the draw's support, or too few words lead there.
    """
    lower(draw, STORAGE_NAMES[dtype.to_real() if dtype.is_complex else dtype])


def fill(tensor: torch.Tensor, draw: Draw, key: Key, *, start: int = 0, strides: Sequence[int] | None = None) -> None:
    """Write a draw into a tensor.

    The element [i0, i1, ...] takes the stream's index start + sum(i_d * strides[d]), so a block, a shard or a flat run
    of a larger tensor is one call. Autograd's version counter is not bumped.

    Args:
        tensor: float32, bfloat16, float16 or float64, any shape, device and memory strides.
        draw: what to compute for each element.
        key: the stream.
        start: the stream's index of the tensor's first element.
        strides: the steps in the stream, an axis each; by default those of a contiguous tensor of this shape.

    Raises:
        ArgumentError: a dtype or device that cannot be filled, elements that share memory, indices out of range.
    """
    _check(tensor)
    steps = row_major(tensor.shape) if strides is None else list(strides)
    place = layout(tensor.shape, tensor.stride(), start, steps)
    lowered = lower(draw, STORAGE_NAMES[tensor.dtype])
    if tensor.numel() == 0:
        return
    plain = tensor.detach()
    if plain.is_neg():  # its memory holds the values' negatives
        _fill_by_copies(plain, draw, key, start, steps)
    elif plain.device.type == "cpu":
        _cpu.fill_array(_memory(plain, place.extent), place, lowered, key, threads=torch.get_num_threads())
    elif plain.device.type == "cuda" and has_triton():
        from initwise.random import _triton

        _triton.fill_tensor(plain, place, lowered, key)
    else:
        _fill_by_copies(plain, draw, key, start, steps)


def _check(tensor: torch.Tensor) -> None:
    if not isinstance(tensor, torch.Tensor):
        raise ArgumentTypeError(f"{OPERATION}: got a {type(tensor).__name__}, allowed is a torch.Tensor; pass one")
    if tensor.dtype not in STORAGE_NAMES or tensor.layout != torch.strided:
        allowed = ", ".join(STORAGE_NAMES.values())
        raise ArgumentError(
            f"{OPERATION}: the tensor is {tensor.dtype}, {tensor.layout}, allowed is a strided tensor of {allowed}; "
            "fill complex tensors by their halves"
        )
    if tensor.device.type == "meta":
        raise ArgumentError(f"{OPERATION}: the tensor is on the meta device and has no memory; materialize it first")


@functools.cache
def has_triton() -> bool:
    """Tell whether Triton is installed; it comes with CUDA builds of torch."""
    return importlib.util.find_spec("triton") is not None


def _memory(tensor: torch.Tensor, extent: int) -> NDArray[Any]:
    """The tensor's memory from its first to its last element, as ARRAY_DTYPES holds it."""
    flat = tensor.as_strided((extent,), (1,))
    memory: NDArray[Any] = flat.view(_HOLDERS.get(flat.dtype, flat.dtype)).numpy()
    return memory


def _fill_by_copies(tensor: torch.Tensor, draw: Draw, key: Key, start: int, steps: list[int]) -> None:
    for chunk, offset in _chunks(tensor, steps):
        values = torch.empty(chunk.shape, dtype=tensor.dtype)
        fill(values, draw, key, start=start + offset, strides=steps)
        chunk.copy_(values)


def _chunks(tensor: torch.Tensor, steps: Sequence[int]) -> Iterator[tuple[torch.Tensor, int]]:
    """Blocks of at most _COPY_CHUNK elements and the offset of their first element in the stream."""
    if tensor.numel() <= _COPY_CHUNK:
        yield tensor, 0
        return
    axis = max(range(tensor.dim()), key=lambda candidate: tensor.shape[candidate])
    half = tensor.shape[axis] // 2
    for begin, length in ((0, half), (half, tensor.shape[axis] - half)):
        for chunk, offset in _chunks(tensor.narrow(axis, begin, length), steps):
            yield chunk, offset + begin * steps[axis]
