"""`digest`: what a model's weights are, in 32 hexadecimal digits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from initwise.digests._lanes import Lanes, keys, lanes
from initwise.errors import ArgumentTypeError, NotSupportedError
from initwise.model import canonical_name, read, walk

PIECE = 2**20  # elements that one task sums; also the most that is copied of a strided or distant tensor at a time
WORDS = {
    1: (torch.uint8, np.uint8),
    2: (torch.int16, np.uint16),
    4: (torch.int32, np.uint32),
    8: (torch.int64, np.uint64),
}


class _Stored(NamedTuple):
    """A tensor of the model under its canonical name."""

    kind: str
    name: str
    tensor: Tensor


def digest(model: nn.Module, *, buffers: bool = False) -> str:
    """Return a digest of the parameters of `model`: the same if, and up to chance only if, all bits are the same.

    It covers canonical names, dtypes, shapes and values; not devices, strides, wrappers or the order of parameters.
    Tied parameters count once. Sums of parts make it, so that shards can be digested where they are. It finds
    accidents; it is no protection against someone who searches for a collision.

    Args:
        model: any `nn.Module` whose parameters have memory.
        buffers: cover buffers too.

    Raises:
        NotSupportedError: a tensor has no memory of its own (meta, sharded, sparse); all of them are named.

    >>> digest(nn.Linear(2, 2)) == digest(nn.Linear(2, 2)), len(digest(nn.Linear(2, 2)))
    (False, 32)
    """
    if not isinstance(model, nn.Module):
        raise ArgumentTypeError(f"digest: model is of type {type(model).__name__}; give an nn.Module")
    stored = [*_parameters(model), *(_buffers(model) if buffers else ())]
    _check(stored)
    threads = torch.get_num_threads()
    tasks = (task for entry in stored for task in _tasks(entry))
    with ThreadPoolExecutor(threads) as pool:
        total = sum(_map(pool, tasks, 2 * threads), Lanes(0, 0))
    return f"{total.first:016x}{total.second:016x}"


def _parameters(model: nn.Module) -> Iterator[_Stored]:
    tensors = dict(_registered(model, "_parameters"))
    for parameter in read(model).parameters:
        if parameter.parametrized:  # what is stored counts, not what is computed from it
            for path in parameter.originals:
                yield _Stored("parameter", f"{parameter.name}/{path.rpartition('.')[2]}", tensors[path])
        else:
            yield _Stored("parameter", parameter.name, parameter.tensor)


def _buffers(model: nn.Module) -> Iterator[_Stored]:
    seen: set[int] = set()
    for path, tensor in _registered(model, "_buffers"):
        if id(tensor) not in seen:
            seen.add(id(tensor))
            yield _Stored("buffer", canonical_name(path), tensor)


def _registered(model: nn.Module, where: str) -> Iterator[tuple[str, Tensor]]:
    for prefix, module in walk(model):
        for name, tensor in getattr(module, where).items():
            if tensor is not None:
                yield f"{prefix}.{name}" if prefix else name, tensor


def _check(stored: Iterable[_Stored]) -> None:
    bad = [f"{entry.name!r} ({why})" for entry in stored if (why := _unreadable(entry.tensor))]
    if bad:
        raise NotSupportedError(
            f"digest: {', '.join(bad)}; only plain tensors with memory of their own have bits to read"
        )


def _unreadable(tensor: Tensor) -> str:
    wrapped: bool = is_traceable_wrapper_subclass(tensor)  # named, so that types are not narrowed
    if wrapped:
        return type(tensor).__name__
    if tensor.is_meta:
        return "on the meta device"
    if tensor.layout != torch.strided or tensor.is_quantized:
        return f"{tensor.layout}, {tensor.dtype}"
    return ""


def _tasks(entry: _Stored) -> Iterator[Callable[[], Lanes]]:
    tensor = entry.tensor.detach()
    key = keys(f"{entry.kind}\0{entry.name}\0{tensor.dtype}\0{tuple(tensor.shape)}")
    whole = torch.view_as_real(tensor) if tensor.element_size() == 16 else tensor
    for start, piece in _pieces(whole, 0):
        yield lambda piece=piece, start=start: lanes(_words(piece), start, key)  # type: ignore[misc]


def _pieces(tensor: Tensor, start: int) -> Iterator[tuple[int, Tensor]]:
    """Cut a tensor along its axes into pieces of at most `PIECE` elements, each with its first row-major index."""
    if tensor.numel() == 0:
        return
    if tensor.is_contiguous():
        flat = tensor.view(-1)
        for begin in range(0, flat.numel(), PIECE):
            yield start + begin, flat[begin : begin + PIECE]
        return
    below = math.prod(tensor.shape[1:])
    if below > PIECE:
        for index, row in enumerate(tensor):
            yield from _pieces(row, start + index * below)
        return
    for index in range(0, tensor.shape[0], PIECE // below):
        yield start + index * below, tensor[index : index + PIECE // below]


def _words(piece: Tensor) -> NDArray[Any]:
    """Return the raw bits of a piece as unsigned integers, in row-major order."""
    signed, unsigned = WORDS[piece.element_size()]
    plain = piece.contiguous().resolve_conj().resolve_neg().cpu()
    words: NDArray[Any] = plain.view(signed).numpy().reshape(-1).view(unsigned)
    return words


def _map(pool: ThreadPoolExecutor, tasks: Iterator[Callable[[], Lanes]], ahead: int) -> Iterator[Lanes]:
    """Run tasks on the pool and yield their results; only a few are under way, so that few pieces are copied."""
    running = []
    for task in tasks:
        running.append(pool.submit(task))
        if len(running) >= ahead:
            yield running.pop(0).result()
    for last in running:
        yield last.result()
